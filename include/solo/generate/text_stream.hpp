// SPDX-License-Identifier: MIT
/// @file
/// Text that grows by bytes, handed on in whole characters.
#pragma once

#include <solo/core/config.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

/// Hands on what to_utf8_lossy() makes of all bytes pushed, as soon as it is decided: a character
/// that is not complete yet waits.
class TextStream {
 public:
  explicit TextStream(const std::function<void(std::string_view)>& sink) : sink_(sink) {}
  void push(std::string_view bytes);
  /// No more bytes follow.
  void finish();

 private:
  const std::function<void(std::string_view)>& sink_;
  std::string waiting_;
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/generate/text_stream.ipp>  // IWYU pragma: keep
#endif
