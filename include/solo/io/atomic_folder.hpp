// SPDX-License-Identifier: MIT
/// @file
/// Several files of a folder that belong together, replaced as one.
#pragma once

#include <solo/io/file.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Collects the files of a result and puts them into a folder together.
///
/// No file system replaces several files at once. So what a result is nothing without (the tensors)
/// is taken away before any other file is replaced, and comes last: a process that is killed on the
/// way leaves the old result, the new one, or a folder that every reader refuses, never a mixture.
/// When a call fails instead, the old files come back.
class AtomicFolder {
 public:
  /// Makes the folder if need be. Throws IoError "io.directory".
  explicit AtomicFolder(std::filesystem::path folder);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return folder_; }
  /// A new file of the folder, to be written before commit(). Throws as AtomicFile; ConfigError
  /// "config.value" for a name that is not a plain file name ("../a", "a/b", ""), as all below.
  [[nodiscard]] AtomicFile& add(std::string_view name);
  /// As add(), of the file without which the others are nothing.
  [[nodiscard]] AtomicFile& add_essential(std::string_view name);
  /// Adds a file with this text.
  void write(std::string_view name, std::string_view text);
  /// A file of an older result that this one has not; nothing if it is none or has been added.
  void remove(std::string_view name);
  /// Replaces the files. Throws IoError as AtomicFile, the folder then as it was.
  void commit();

 private:
  struct Item {
    std::filesystem::path target;
    std::unique_ptr<AtomicFile> file;  // none: to be removed
    bool essential = false;
  };

  [[nodiscard]] AtomicFile& add(std::string_view name, bool essential);
  void replace();

  std::filesystem::path folder_;
  std::vector<Item> items_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/atomic_folder.ipp>  // IWYU pragma: keep
#endif
