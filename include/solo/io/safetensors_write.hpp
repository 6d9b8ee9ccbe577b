// SPDX-License-Identifier: MIT
/// @file
/// Writing safetensors files, laid out as the reference writer does.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A tensor to write: row-major elements that somebody else keeps.
struct TensorRef {
  std::string name = {};
  std::vector<Index> shape = {};
  std::variant<std::span<const float>, std::span<const double>, std::span<const bfloat16>> data =
      {};
  std::optional<DType> dtype = {};  ///< in the file; none: the options'
};

/// How write_safetensors writes.
struct SafetensorsWriteOptions {
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  DType dtype = DType::float32;  ///< of every tensor that does not say its own
  /// If not empty: a metadata entry of this name gets the checksum of length and header, with
  /// zeros in its own place.
  std::string checksum_key = {};
};

/// Writes a whole file through AtomicFile: when anything fails the old file stays. The data is
/// converted piece by piece, never copied as a whole. Throws ConfigError "safetensors.name" (empty,
/// NUL, invalid UTF-8, twice the same) and "safetensors.rank", ShapeError "safetensors.buffer" when
/// data and shape disagree, NumericError "numeric.nonfinite" or "numeric.overflow" naming the
/// tensor (the reader would refuse it), and IoError as AtomicFile.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorRef> tensors,
                       const SafetensorsWriteOptions& options = {});
/// The same into a file that the caller commits.
void write_safetensors(AtomicFile& file, std::span<const TensorRef> tensors,
                       const SafetensorsWriteOptions& options = {});

namespace detail {

/// Bytes of the length that a file begins with.
inline constexpr std::size_t kSafetensorsLength = 8;
/// A file up to its data: the length, then the header, with spaces up to a multiple of 8.
[[nodiscard]] std::string safetensors_beginning(const Json& header);

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/safetensors_write.ipp>  // IWYU pragma: keep
#endif
