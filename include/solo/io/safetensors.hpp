// SPDX-License-Identifier: MIT
/// @file
/// Reading safetensors files: the one reader for base models, adapters and checkpoints.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/file.hpp>
#include <solo/io/safetensors_header.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// An open, checked safetensors file. Const and safe to read from several threads at once; nothing
/// of the data is kept.
class SafetensorsFile {
 public:
  /// Throws IoError as InputFile, and FormatError "safetensors.…" or "json.…" that names file and
  /// tensor.
  [[nodiscard]] static SafetensorsFile open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return file_.path(); }
  /// How messages name the file.
  [[nodiscard]] const std::string& name() const noexcept { return file_.name(); }
  /// All tensors in the order of their data.
  [[nodiscard]] std::span<const TensorInfo> tensors() const noexcept { return header_.tensors; }
  /// The tensor of this name, or nullptr.
  [[nodiscard]] const TensorInfo* find(std::string_view name) const noexcept;
  /// The tensor of this name; FormatError "safetensors.missing" when there is none.
  [[nodiscard]] const TensorInfo& at(std::string_view name) const;
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept {
    return header_.metadata;
  }

  /// Throws FormatError "safetensors.checksum" unless the metadata entry `key` is there and is what
  /// write_safetensors() puts into checksum_key for this length and header.
  void check_header(const std::string& key) const;

  /// Reads the elements of a tensor of this file, row-major, as T. Throws ShapeError
  /// "safetensors.buffer" when `out` has another size, FormatError "safetensors.not_weights" for a
  /// dtype that is not F16, BF16, F32 or F64, NumericError "numeric.nonfinite" for NaN or infinity
  /// and "numeric.overflow" for a value beyond T.
  template <Scalar T>
  void read(const TensorInfo& info, std::span<T> out) const;
  /// As read(), of the elements from number `first` on, as many as `out` holds.
  template <Scalar T>
  void read_part(const TensorInfo& info, Index first, std::span<T> out) const;
  /// Throws NumericError "numeric.nonfinite" when a tensor of weights holds NaN or infinity; does
  /// nothing for other dtypes.
  void check_finite(const TensorInfo& info) const;

 private:
  explicit SafetensorsFile(const std::filesystem::path& path);
  template <class Raw, class Out>
  void read_converted(const TensorInfo& info, Index first, std::span<Out> out) const;

  InputFile file_;
  detail::SafetensorsHeader header_;
  std::vector<std::uint32_t> by_name_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/safetensors.ipp>  // IWYU pragma: keep
#endif
