// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/text/encodings.hpp>
#include <solo/text/lines.hpp>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace solo::inline SOLO_ABI {

SOLO_INLINE LineReader::LineReader(int descriptor, std::string name,
                                   const LineReaderOptions& options)
    : options_(options), name_(std::move(name)), descriptor_(descriptor) {}

SOLO_INLINE LineReader LineReader::standard_input(const LineReaderOptions& options) {
  return LineReader(STDIN_FILENO, "stdin", options);
}

SOLO_INLINE LineReader::LineReader(const std::filesystem::path& path,
                                   const LineReaderOptions& options)
    : options_(options), name_(display_name(path)) {
  std::error_code ignored;
  if (!options.allow_fifo || !std::filesystem::is_fifo(path, ignored)) {
    file_.emplace(path);
    detail::refuse_lfs_pointer(*file_);
    return;
  }
  stream_ = detail::FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!stream_.open()) {
    const int code = errno;
    fail<IoError>("io.open", name_, ": cannot open: ", std::generic_category().message(code));
  }
  struct ::stat status {};
  if (::fstat(stream_.get(), &status) != 0 || !S_ISFIFO(status.st_mode)) {
    fail<IoError>("io.not_regular", name_, ": expected a regular file or a FIFO");
  }
  descriptor_ = stream_.get();
}

/// Appends some bytes to the buffer; false at the end of the text.
SOLO_INLINE bool LineReader::refill() {
  constexpr std::size_t kPiece = std::size_t{1} << 18U;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t old_size = buffer_.size();
  if (file_) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file_->size() - offset_));
    buffer_.resize(old_size + count);
    file_->read_at(offset_, std::as_writable_bytes(std::span(buffer_).subspan(old_size)));
    offset_ += count;
    return count > 0;
  }
  buffer_.resize(old_size + kPiece);
  ::ssize_t count = -1;
  do {
    count = ::read(descriptor_, buffer_.data() + old_size, kPiece);
  } while (count < 0 && errno == EINTR);
  const int code = errno;
  buffer_.resize(old_size + static_cast<std::size_t>(std::max<::ssize_t>(count, 0)));
  if (count < 0) {
    fail<IoError>("io.read", name_, ": cannot read: ", std::generic_category().message(code));
  }
  return count > 0;
}

SOLO_INLINE bool LineReader::next(std::string_view& line) {
  std::size_t searched = 0;  // bytes after begin_ that hold no LF
  std::size_t length = std::string::npos;
  for (;;) {
    const std::size_t found = buffer_.find('\n', begin_ + searched);
    if (found != std::string::npos) {
      length = found - begin_;
      break;
    }
    searched = buffer_.size() - begin_;
    if (searched > options_.max_line_bytes || !refill()) break;
  }
  if (length == std::string::npos && searched == 0) return false;
  if (++line_number_ == 1) refuse_utf16(std::string_view(buffer_).substr(begin_), name_);
  const bool ended = length != std::string::npos;
  if (!ended) length = searched;
  if (length > options_.max_line_bytes) {
    fail<FormatError>("text.line_length", where(), ": expected at most ", options_.max_line_bytes,
                      " bytes, found more");
  }
  line = std::string_view(buffer_).substr(begin_, length);
  begin_ += length + (ended ? 1U : 0U);
  line_end_ = !ended ? "" : line.ends_with('\r') ? "\r\n" : "\n";
  if (line_end_.size() == 2) line.remove_suffix(1);
  if (line_number_ == 1 && options_.skip_bom && line.starts_with(kUtf8Mark)) {
    line.remove_prefix(kUtf8Mark.size());
  }
  return true;
}

SOLO_INLINE bool LineReader::next_record(std::string_view& line) {
  const auto blank = [&] { return line.find_first_not_of(" \t\r") == std::string_view::npos; };
  if (!next(line)) return false;
  if (!blank()) return true;
  const std::string first_blank = where();
  while (next(line)) {
    if (!blank()) {
      fail<FormatError>("text.blank_line", first_blank,
                        ": expected a record, found a blank line before the end");
    }
  }
  return false;
}

SOLO_INLINE std::string LineReader::where() const {
  return concat(name_, ": line ", line_number_);
}

}  // namespace solo::inline SOLO_ABI
