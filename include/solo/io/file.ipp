// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/temporary_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The system's words for an errno value.
[[nodiscard]] SOLO_INLINE std::string system_message(int code) {
  return std::generic_category().message(code);
}

/// "a directory", "a FIFO", …
[[nodiscard]] SOLO_INLINE std::string_view file_kind(::mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "something else";
}

[[nodiscard]] SOLO_INLINE int open_retrying(const char* path, int flags, ::mode_t mode = 0) {
  int fd = -1;
  do {
    fd = ::open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

SOLO_INLINE void require_plain_path(const std::filesystem::path& path) {
  const std::string& text = path.native();
  if (text.empty() || text.find('\0') != std::string::npos) {
    fail<IoError>("io.open", display_name(path), ": expected a file name, found ", quoted(text));
  }
}

/// Opens for reading without ever waiting for a device or (unless allowed) a FIFO.
[[nodiscard]] SOLO_INLINE FileDescriptor open_for_reading(const std::filesystem::path& path,
                                                          bool allow_fifo, struct ::stat& status,
                                                          int access = O_RDONLY) {
  require_plain_path(path);
  const auto check_kind = [&] {
    if (S_ISREG(status.st_mode) || (allow_fifo && S_ISFIFO(status.st_mode))) return;
    fail<IoError>("io.not_regular", display_name(path), ": expected a regular file, found ",
                  file_kind(status.st_mode));
  };
  const auto check = [&](bool good) {
    if (!good) {
      const int code = errno;
      fail<IoError>("io.open", display_name(path), ": cannot open: ", system_message(code));
    }
  };
  check(::stat(path.c_str(), &status) == 0);  // first, as opening a device may have side effects
  check_kind();
  const bool fifo = S_ISFIFO(status.st_mode);
  FileDescriptor file(open_retrying(path.c_str(), fifo ? access : access | O_NONBLOCK));
  check(file.open());
  check(::fstat(file.get(), &status) == 0);
  check_kind();
  return file;
}

/// Reads a stream to its end.
[[nodiscard]] SOLO_INLINE std::string read_stream(const FileDescriptor& file,
                                                  const std::filesystem::path& path,
                                                  std::uint64_t max_bytes) {
  std::string text;
  std::array<char, 1U << 16U> buffer;
  for (;;) {
    const ::ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0) {
      const int code = errno;
      if (code == EINTR) continue;
      fail<IoError>("io.read", display_name(path), ": cannot read: ", system_message(code));
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_bytes) {
      fail<FormatError>("io.too_large", display_name(path), ": expected at most ", max_bytes,
                        " bytes, found more");
    }
  }
}

SOLO_INLINE void write_fully(const FileDescriptor& file, std::string_view text,
                             const std::filesystem::path& path) {
  constexpr std::size_t kMost = std::size_t{1} << 30U;  // Linux takes no more than 2 GiB at once
  while (!text.empty()) {
    const ::ssize_t count = ::write(file.get(), text.data(), std::min(text.size(), kMost));
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    const int code = count < 0 ? errno : EIO;
    if (code == EINTR) continue;
    fail<IoError>("io.write", display_name(path), ": cannot write: ", system_message(code));
  }
}

[[nodiscard]] SOLO_INLINE std::filesystem::path directory_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A rename is atomic; that it survives a power cut needs the directory on the disk as well.
SOLO_INLINE void sync_directory(const std::filesystem::path& directory) {
  const FileDescriptor file(open_retrying(directory.c_str(), O_RDONLY | O_DIRECTORY));
  // Some file systems cannot sync a directory and say EINVAL; there is nothing better to do there.
  if (file.open() && (::fsync(file.get()) == 0 || errno == EINVAL)) return;
  const int code = errno;
  fail<IoError>("io.write", display_name(directory),
                ": cannot sync the directory: ", system_message(code));
}

}  // namespace detail

SOLO_INLINE std::string printable(std::string_view text, std::size_t limit) {
  const std::string shown = quoted(text, limit);
  return shown.substr(1, shown.size() - 2);
}

SOLO_INLINE std::string display_name(const std::filesystem::path& path) {
  constexpr std::size_t kMost = 160;
  std::string_view text = path.native();
  if (text.size() <= kMost) return printable(text, kMost);
  text.remove_prefix(text.size() - kMost);
  while (!text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0U) == 0x80U) {
    text.remove_prefix(1);  // not in the middle of a character
  }
  return "…" + printable(text, kMost);
}

SOLO_INLINE detail::FileDescriptor::~FileDescriptor() {
  if (value_ >= 0) ::close(value_);
}

SOLO_INLINE detail::FileDescriptor& detail::FileDescriptor::operator=(
    FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (value_ >= 0) ::close(value_);
    value_ = other.release();
  }
  return *this;
}

SOLO_INLINE InputFile::InputFile(std::filesystem::path path) : InputFile(std::move(path), false) {}

SOLO_INLINE InputFile::InputFile(std::filesystem::path path, bool writable)
    : path_(std::move(path)), name_(display_name(path_)) {
  struct ::stat status {};
  file_ = detail::open_for_reading(path_, false, status, writable ? O_RDWR : O_RDONLY);
  size_ = static_cast<std::uint64_t>(status.st_size);
}

SOLO_INLINE void InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  constexpr std::size_t kMost = std::size_t{1} << 30U;  // Linux gives no more than 2 GiB at once
  if (offset > size_ || out.size() > size_ - offset) {
    fail<IoError>("io.read", name_, ": expected ", out.size(), " bytes at ", offset,
                  ", found a file of ", size_, " bytes");
  }
  while (!out.empty()) {
    const ::ssize_t count =
        ::pread(file_.get(), out.data(), std::min(out.size(), kMost), static_cast<::off_t>(offset));
    if (count > 0) {
      offset += static_cast<std::uint64_t>(count);
      out = out.subspan(static_cast<std::size_t>(count));
      continue;
    }
    const int code = errno;
    if (count == 0) {
      fail<IoError>("io.read", name_, ": expected ", size_, " bytes, found ", offset,
                    " (the file became shorter)");
    }
    if (code != EINTR) {
      fail<IoError>("io.read", name_, ": cannot read: ", detail::system_message(code));
    }
  }
}

SOLO_INLINE void UpdateFile::write_at(std::uint64_t offset,
                                      std::span<const std::byte> bytes) const {
  if (offset > size() || bytes.size() > size() - offset) {
    fail<IoError>("io.write", name(), ": expected room for ", bytes.size(), " bytes at ", offset,
                  ", found a file of ", size(), " bytes");
  }
  while (!bytes.empty()) {
    const ::ssize_t count =
        ::pwrite(descriptor(), bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (count > 0) {
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
      continue;
    }
    const int code = count < 0 ? errno : EIO;
    if (code == EINTR) continue;
    fail<IoError>("io.write", name(), ": cannot write: ", detail::system_message(code));
  }
}

SOLO_INLINE void UpdateFile::sync() const {
  if (::fsync(descriptor()) == 0) return;
  const int code = errno;
  fail<IoError>("io.write", name(), ": cannot sync: ", detail::system_message(code));
}

SOLO_INLINE std::string read_text_file(const std::filesystem::path& path,
                                       const ReadTextOptions& options) {
  if (options.allow_fifo) {
    struct ::stat status {};
    const auto file = detail::open_for_reading(path, true, status);
    if (S_ISFIFO(status.st_mode)) return detail::read_stream(file, path, options.max_bytes);
  }
  const InputFile file(path);
  if (file.size() > options.max_bytes) {
    fail<FormatError>("io.too_large", file.name(), ": expected at most ", options.max_bytes,
                      " bytes, found ", file.size());
  }
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

SOLO_INLINE void make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && !std::filesystem::is_directory(path, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) {
    fail<IoError>("io.directory", display_name(path),
                  ": cannot make the directory: ", error.message());
  }
}

SOLO_INLINE AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  detail::require_plain_path(target_);
  struct ::stat old {};
  const bool exists = ::stat(target_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    fail<IoError>("io.not_regular", display_name(target_), ": expected a regular file, found ",
                  detail::file_kind(old.st_mode));
  }
  constexpr int kAttempts = 10000;  // leftovers of a killed process with the same number
  const std::string prefix = detail::temporary_prefix();
  for (int i = 0; i < kAttempts && !file_.open(); ++i) {
    temporary_ = detail::directory_of(target_) / concat(prefix, ::getpid(), "-", i);
    file_ = detail::FileDescriptor(detail::open_retrying(
        temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL, exists ? 0600 : 0666));
    if (!file_.open() && errno != EEXIST) break;
    // Another process may take it for a leftover until it is locked, and remove it.
    struct ::stat created {};
    const bool ours = file_.open() && detail::take_file_lock(file_.get(), true) &&
                      ::fstat(file_.get(), &created) == 0 && created.st_nlink > 0;
    if (!ours) file_ = {};
  }
  int code = errno;
  if (!file_.open()) {
    temporary_.clear();
  } else if (exists && ::fchmod(file_.get(), old.st_mode & 07777U) != 0) {
    code = errno;
    discard();
  }
  if (temporary_.empty()) {
    fail<IoError>("io.create", display_name(target_),
                  ": cannot create a file beside it: ", detail::system_message(code));
  }
}

SOLO_INLINE AtomicFile::~AtomicFile() {
  discard();
}

SOLO_INLINE void AtomicFile::discard() noexcept {
  file_ = detail::FileDescriptor();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

SOLO_INLINE void AtomicFile::write(std::span<const std::byte> bytes) {
  if (!file_.open()) {
    fail<IoError>("io.write", display_name(target_), ": cannot write: the file is not open");
  }
  try {
    detail::write_fully(file_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                        target_);
  } catch (...) {
    discard();
    throw;
  }
}

SOLO_INLINE void AtomicFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text)));
}

SOLO_INLINE void AtomicFile::extend(std::uint64_t size) {
  if (file_.open() && ::ftruncate(file_.get(), static_cast<::off_t>(size)) == 0) return;
  const int code = file_.open() ? errno : EBADF;
  discard();
  fail<IoError>("io.write", display_name(target_), ": cannot make it ", size,
                " bytes long: ", detail::system_message(code));
}

SOLO_INLINE void AtomicFile::give_up(std::string_view id, std::string_view what, int code) {
  discard();
  fail<IoError>(id, display_name(target_), ": cannot ", what, ": ", detail::system_message(code));
}

SOLO_INLINE void AtomicFile::stage() {
  if (!file_.open()) give_up("io.write", "commit", EBADF);
  if (::fsync(file_.get()) != 0) give_up("io.write", "sync", errno);
  // Keeps the lock until the file has its name.
  const detail::FileDescriptor locked(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
  if (::close(file_.release()) != 0 && errno != EINTR) give_up("io.write", "close", errno);
}

SOLO_INLINE void AtomicFile::commit() {
  if (file_.open()) stage();
  if (temporary_.empty()) give_up("io.write", "commit", EBADF);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) give_up("io.rename", "replace", errno);
  temporary_.clear();
  detail::sync_directory(detail::directory_of(target_));
}

SOLO_INLINE void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

SOLO_INLINE AppendFile::AppendFile(std::filesystem::path path, const AppendOptions& options)
    : path_(std::move(path)) {
  detail::require_plain_path(path_);
  struct ::stat status {};
  const auto check_kind = [&] {
    if (!S_ISREG(status.st_mode)) {
      fail<IoError>("io.not_regular", display_name(path_), ": expected a regular file, found ",
                    detail::file_kind(status.st_mode));
    }
  };
  if (::stat(path_.c_str(), &status) == 0) check_kind();
  file_ = detail::FileDescriptor(
      detail::open_retrying(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0666));
  if (!file_.open() || ::fstat(file_.get(), &status) != 0) {
    const int code = errno;
    fail<IoError>("io.create", display_name(path_),
                  ": cannot open for writing: ", detail::system_message(code));
  }
  check_kind();
  if (options.truncate && ::ftruncate(file_.get(), 0) != 0) {
    const int code = errno;
    fail<IoError>("io.write", display_name(path_),
                  ": cannot truncate: ", detail::system_message(code));
  }
  char last = '\n';
  const bool partial = !options.truncate && status.st_size > 0 &&
                       ::pread(file_.get(), &last, 1, status.st_size - 1) == 1 && last != '\n';
  if (partial) detail::write_fully(file_, "\n", path_);
}

SOLO_INLINE void AppendFile::write_line(std::string_view line) {
  std::string text;
  text.reserve(line.size() + 1);
  text += line;
  text += '\n';
  detail::write_fully(file_, text, path_);
}

}  // namespace solo::inline SOLO_ABI
