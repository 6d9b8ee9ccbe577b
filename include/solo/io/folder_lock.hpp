// SPDX-License-Identifier: MIT
/// @file
/// One run a folder.
#pragma once

#include <solo/io/file.hpp>

#include <filesystem>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Holds a folder for one run. The lock is the system's, on the file `.solo-lock` in it: it is gone
/// with the process, however that ends, and holds between hosts where the file system has such
/// locks. A file that a killed process left means nothing.
class FolderLock {
 public:
  /// Makes the folder if need be. Throws IoError: "io.busy", naming who holds it, "io.directory" or
  /// "io.create" (among others, when `.solo-lock` is a link or no regular file).
  explicit FolderLock(std::filesystem::path folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  /// Gives the folder back, and removes it if it was made here and has stayed empty.
  ~FolderLock();

  /// False on a file system that has no locks: another run would not be noticed.
  [[nodiscard]] bool held() const noexcept { return held_; }

 private:
  void open_file();
  /// False when the file that was locked is no longer the folder's.
  [[nodiscard]] bool lock();

  std::filesystem::path folder_;
  std::filesystem::path file_;
  detail::FileDescriptor descriptor_;
  std::vector<std::filesystem::path> made_;  // folders, the deepest first
  long process_ = 0;
  bool held_ = false;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/folder_lock.ipp>  // IWYU pragma: keep
#endif
