// SPDX-License-Identifier: MIT
#pragma once

#include <solo/io/file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/tensor_store.hpp>
#include <solo/nn/gpt2.hpp>

#include <algorithm>
#include <set>

namespace solo::inline SOLO_ABI {

namespace detail {

/// "transformer.": saved by transformers with the language-model head; the hub's own files lack it.
inline constexpr std::string_view kTransformerPrefix = "transformer.";

/// Causal-mask buffers of old files: h.{i}.attn.bias and h.{i}.attn.masked_bias. The name of a real
/// bias, attn.c_attn.bias, ends alike.
[[nodiscard]] inline bool is_legacy_mask(std::string_view name) {
  if (!name.starts_with("h.")) return false;
  const std::size_t dot = name.find('.', 2);
  if (dot == std::string_view::npos || dot == 2) return false;
  const bool number = std::all_of(name.begin() + 2, name.begin() + static_cast<std::ptrdiff_t>(dot),
                                  [](char c) { return c >= '0' && c <= '9'; });
  const std::string_view rest = name.substr(dot + 1);
  return number && (rest == "attn.bias" || rest == "attn.masked_bias");
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
