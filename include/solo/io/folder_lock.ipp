// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/folder_lock.hpp>
#include <solo/io/system_calls.hpp>
#include <solo/io/temporary_file.hpp>

#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

inline constexpr const char* kLockFile = ".solo-lock";

/// "process 123 on host since 2026-01-31 12:00:00 UTC".
[[nodiscard]] SOLO_INLINE std::string lock_holder() {
  std::array<char, 32> text{};
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  if (::gmtime_r(&now, &parts) != nullptr) {
    (void)std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  }
  return concat("process ", ::getpid(), " on ", host_name(), " since ", text.data());
}

/// What the holder of a lock wrote into its file.
[[nodiscard]] SOLO_INLINE std::string read_holder(const FileDescriptor& file) {
  std::array<char, 512> text{};
  const ::ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  if (size <= 0) return "another process";
  return printable({text.data(), static_cast<std::size_t>(size)}, 300);
}

}  // namespace detail

SOLO_INLINE void FolderLock::open_file() {
  // Nothing is written through a link. What another user left is locked as well by reading it.
  for (const int flags : {O_RDWR | O_CREAT | O_NOFOLLOW, O_RDONLY | O_NOFOLLOW}) {
    descriptor_ = detail::FileDescriptor(detail::open_retrying(file_.c_str(), flags, 0666));
    if (descriptor_.open() || errno != EACCES) break;
  }
  const int code = errno;
  struct ::stat status {};
  const bool open = descriptor_.open();
  if (open && ::fstat(descriptor_.get(), &status) == 0 && S_ISREG(status.st_mode)) return;
  fail<IoError>("io.create", display_name(file_), ": cannot lock the folder: ",
                open || code == ELOOP ? "this is no regular file" : detail::system_message(code));
}

SOLO_INLINE bool FolderLock::lock() {
  held_ = false;
  open_file();
  const int error = detail::try_file_lock(descriptor_.get());
  if (error == EWOULDBLOCK) {
    const std::string holder = detail::read_holder(descriptor_);
    fail<IoError>("io.busy", display_name(folder_), ": in use by ", holder,
                  ": wait for it to end, or take another folder");
  }
  held_ = error == 0;
  if (!held_) return true;
  // Who had it before may have removed the file between our opening and our locking it.
  struct ::stat ours {};
  struct ::stat there {};
  return ::fstat(descriptor_.get(), &ours) == 0 && ::stat(file_.c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

SOLO_INLINE FolderLock::FolderLock(std::filesystem::path folder)
    : folder_(std::move(folder)), file_(folder_ / detail::kLockFile), process_(::getpid()) {
  std::error_code ignored;
  for (auto path = folder_; !path.empty() && !std::filesystem::exists(path, ignored);
       path = path.parent_path()) {
    made_.push_back(path);
  }
  make_directories(folder_);
  try {
    while (!lock()) continue;
    // Not into what could only be read.
    if (held_ && ::ftruncate(descriptor_.get(), 0) == 0) {
      detail::write_fully(descriptor_, detail::lock_holder(), file_);
    }
  } catch (...) {
    if (held_) ::unlink(file_.c_str());
    for (const auto& path : made_) std::filesystem::remove(path, ignored);
    throw;
  }
}

SOLO_INLINE FolderLock::~FolderLock() {
  if (process_ != ::getpid()) return;  // a forked copy: the folder is its parent's
  // First, so that nobody locks a file that is about to go.
  ::unlink(file_.c_str());
  descriptor_ = detail::FileDescriptor();
  std::error_code ignored;
  for (const auto& path : made_) std::filesystem::remove(path, ignored);
}

}  // namespace solo::inline SOLO_ABI
