// SPDX-License-Identifier: MIT
/// @file
/// Text files and standard input, line by line.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/io/file.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

struct LineReaderOptions {
  bool skip_bom = true;     ///< a UTF-8 byte order mark at the start is not text
  bool allow_fifo = false;  ///< for a command's --input only: waits for the writer
  std::size_t max_line_bytes = std::size_t{64} << 20U;  ///< longer lines are refused
};

/// Reads lines that end in LF or CRLF; the last one may end with the file. Holds one line at a
/// time.
class LineReader {
 public:
  /// Throws IoError as InputFile does, FormatError ("io.foreign") for a Git LFS pointer.
  explicit LineReader(const std::filesystem::path& path, const LineReaderOptions& options = {});
  /// Reads file descriptor 0 and calls it "stdin".
  [[nodiscard]] static LineReader standard_input(const LineReaderOptions& options = {});

  /// Moves to the next line, without its end; false at the end of the text. The line is valid
  /// until the next call. Throws FormatError "text.line_length", "text.utf16"
  /// for a text that begins as UTF-16 does, IoError "io.read".
  [[nodiscard]] bool next(std::string_view& line);
  /// As next(), for files of one record a line: blank lines (spaces and tabs at most) are skipped
  /// at the end of the text and refused before it: FormatError "text.blank_line".
  [[nodiscard]] bool next_record(std::string_view& line);

  /// How the last line ended: "\n", "\r\n" or "".
  [[nodiscard]] std::string_view line_end() const noexcept { return line_end_; }
  /// Number of the last line, from 1.
  [[nodiscard]] Index line_number() const noexcept { return line_number_; }
  /// The file as messages name it.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// "FILE: line N", the beginning of a message about the last line.
  [[nodiscard]] std::string where() const;

 private:
  LineReader(int descriptor, std::string name, const LineReaderOptions& options);
  bool refill();

  LineReaderOptions options_;
  std::string name_;
  std::optional<InputFile> file_;  // a regular file, or else a stream:
  detail::FileDescriptor stream_;
  int descriptor_ = -1;
  std::uint64_t offset_ = 0;  // read so far from file_
  std::string buffer_;
  std::size_t begin_ = 0;  // of what is not yet given out
  std::string_view line_end_;
  Index line_number_ = 0;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/text/lines.ipp>  // IWYU pragma: keep
#endif
