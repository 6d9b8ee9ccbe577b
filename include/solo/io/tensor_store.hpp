// SPDX-License-Identifier: MIT
/// @file
/// The tensors of a model folder, in one safetensors file or in shards.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/safetensors.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Every tensor of a Hugging Face folder under one roof. Const and safe to read from several
/// threads at once.
class TensorStore {
 public:
  /// A tensor and the file it is in.
  struct Entry {
    const TensorInfo* info = nullptr;
    const SafetensorsFile* file = nullptr;
    [[nodiscard]] const std::string& name() const noexcept { return info->name; }
  };

  /// Opens `directory`/model.safetensors, or the shards that model.safetensors.index.json beside it
  /// lists when there is no such file. Shards are plain file names in the folder (links are
  /// followed); the index and the shards must agree on every tensor. Throws IoError "io.open" or
  /// "io.not_regular", FormatError "store.index", "safetensors.…" or "json.…".
  [[nodiscard]] static TensorStore open(const std::filesystem::path& directory);

  /// How messages name the source: model.safetensors or the index.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// All tensors, by name.
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return entries_; }
  /// The files, in the order of their names.
  [[nodiscard]] std::span<const SafetensorsFile> files() const noexcept { return files_; }
  /// The tensor of this name, or nullptr.
  [[nodiscard]] const Entry* find(std::string_view name) const noexcept;
  /// The tensor of this name; FormatError "safetensors.missing" when there is none.
  [[nodiscard]] const Entry& at(std::string_view name) const;

  /// As SafetensorsFile::read.
  template <Scalar T>
  void read(std::string_view name, std::span<T> out) const {
    const Entry& entry = at(name);
    entry.file->read(*entry.info, out);
  }

 private:
  TensorStore() = default;
  void open_shards(const std::filesystem::path& directory, const std::filesystem::path& index);
  void collect();

  std::string name_;
  std::vector<SafetensorsFile> files_;
  std::vector<Entry> entries_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/tensor_store.ipp>  // IWYU pragma: keep
#endif
