// SPDX-License-Identifier: MIT
/// @file
/// The header of a safetensors file, read and checked without touching the data.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/file.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// One tensor of a safetensors file.
struct TensorInfo {
  std::string name = {};
  std::string_view dtype = {};  ///< as in the file: "F32", "BF16", "I64", …; a literal
  std::vector<Index> shape = {};
  std::uint64_t begin = 0;  ///< first byte, counted from the start of the data
  std::uint64_t end = 0;    ///< one past the last byte

  /// Number of elements, the product of the shape.
  [[nodiscard]] Index size() const noexcept;
};

/// The dtype of weights that "F16", "BF16", "F32" or "F64" names; none for every other dtype of the
/// format.
[[nodiscard]] std::optional<DType> weight_dtype(std::string_view dtype) noexcept;
/// "F16", "BF16", "F32" or "F64".
[[nodiscard]] std::string_view safetensors_name(DType dtype) noexcept;
/// "(2, 3)", as messages show shapes.
[[nodiscard]] std::string shape_text(const std::vector<Index>& shape);

namespace detail {

inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;
inline constexpr std::size_t kMaxSafetensorsRank = 8;
inline constexpr std::size_t kMaxSafetensorsTensors = 200'000;

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  ///< in the order of their data
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  ///< where the data starts in the file
};

/// Reads the header and checks it against itself and the file's size: every rule of the format, and
/// none of the reference reader's leniency (duplicate names, extra fields, white space before or
/// after, overflowing shapes). Throws FormatError "safetensors.…" or "json.…".
[[nodiscard]] SafetensorsHeader read_safetensors_header(const InputFile& file);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/safetensors_header.ipp>  // IWYU pragma: keep
#endif
