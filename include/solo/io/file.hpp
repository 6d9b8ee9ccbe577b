// SPDX-License-Identifier: MIT
/// @file
/// Files: checked reading of regular files, replacement of a whole file at once, logs (POSIX).
#pragma once

#include <solo/core/config.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace solo::inline SOLO_ABI {

/// Untrusted text without quotes for a one-line message: control characters and invalid UTF-8 as
/// `\\xNN`, at most `limit` bytes of it.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 200);
/// How messages name a file: its path, printable, the end of it when it is long.
[[nodiscard]] std::string display_name(const std::filesystem::path& path);

namespace detail {

/// Owns an open file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int value) noexcept : value_(value) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : value_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  [[nodiscard]] int get() const noexcept { return value_; }
  [[nodiscard]] bool open() const noexcept { return value_ >= 0; }
  int release() noexcept {
    const int value = value_;
    value_ = -1;
    return value;
  }

 private:
  int value_ = -1;
};

}  // namespace detail

/// A regular file, opened for reading. Reads are const and may run on several threads at once.
class InputFile {
 public:
  /// Throws IoError: "io.open", or "io.not_regular" for a directory, FIFO, device or socket (never
  /// blocks on one).
  explicit InputFile(std::filesystem::path path);

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// display_name(path()), the beginning of every message about this file.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Bytes in the file when it was opened.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// Fills `out` from the bytes at `offset`. Throws IoError "io.read", also when they are not all
  /// there.
  void read_at(std::uint64_t offset, std::span<std::byte> out) const;

 protected:
  InputFile(std::filesystem::path path, bool writable);
  [[nodiscard]] int descriptor() const noexcept { return file_.get(); }

 private:
  std::filesystem::path path_;
  std::string name_;
  detail::FileDescriptor file_;
  std::uint64_t size_ = 0;
};

/// A regular file that is there, some of whose bytes are replaced in place.
class UpdateFile : public InputFile {
 public:
  /// Throws as InputFile does.
  explicit UpdateFile(std::filesystem::path path) : InputFile(std::move(path), true) {}
  /// Throws IoError "io.write", also beyond the end of the file.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;
  /// Waits until what was written is on the disk. Throws IoError "io.write".
  void sync() const;
};

/// What read_text_file takes.
struct ReadTextOptions {
  std::uint64_t max_bytes = std::uint64_t{256} << 20U;
  bool allow_fifo = false;  ///< for a command's --input only: waits for the writer
};

/// The bytes of a whole file. Throws as InputFile does, and FormatError "io.too_large" when there
/// are more than max_bytes (known before reading, except of a FIFO).
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path,
                                         const ReadTextOptions& options = {});

/// Makes the directory and its parents where they are missing. Throws IoError "io.directory".
void make_directories(const std::filesystem::path& path);

/// Replaces a file at once: bytes go to a new sibling, commit() makes it durable and renames it.
/// Without commit() the sibling is removed and the old file stays. A link is replaced, not
/// followed. The new file has the old one's mode, or 0666 less the umask.
class AtomicFile {
 public:
  /// Throws IoError: "io.create", or "io.not_regular" when the target is something else than a
  /// file.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws IoError "io.write"; the file can then only be dropped.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Makes the file `size` bytes long; those behind what was written are zeros, which take no room.
  void extend(std::uint64_t size);
  /// fsync and close: nothing more can be written. Throws IoError "io.write".
  void stage();
  /// stage(), rename, fsync of the directory. Throws IoError "io.write" or "io.rename".
  void commit();
  [[nodiscard]] const std::filesystem::path& target() const noexcept { return target_; }
  /// Where the bytes are until commit(); empty afterwards.
  [[nodiscard]] const std::filesystem::path& temporary() const noexcept { return temporary_; }

 private:
  [[noreturn]] void give_up(std::string_view id, std::string_view what, int code);
  void discard() noexcept;

  std::filesystem::path target_;
  std::filesystem::path temporary_;  // empty once committed or removed
  detail::FileDescriptor file_;
};

/// Writes a whole file through AtomicFile.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// How AppendFile opens.
struct AppendOptions {
  bool truncate = false;  ///< start anew
};

/// A log that grows by whole lines, each handed to the system as soon as it is written.
class AppendFile {
 public:
  /// Makes the file if there is none; an unfinished last line is ended first. Throws IoError
  /// "io.create", "io.not_regular" or "io.write".
  explicit AppendFile(std::filesystem::path path, const AppendOptions& options = {});
  /// Writes `line` and a newline. Throws IoError "io.write".
  void write_line(std::string_view line);
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  detail::FileDescriptor file_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/file.ipp>  // IWYU pragma: keep
#endif
