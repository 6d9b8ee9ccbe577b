// SPDX-License-Identifier: MIT
/// @file
/// Comma-separated values, strictly as RFC 4180.
#pragma once

#include <solo/text/lines.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Reads the rows of a CSV file: fields in double quotes may hold commas, line ends and doubled
/// quotes; rows end in LF or CRLF; a byte order mark is skipped. FormatError "data.csv" names the
/// line where a row begins: a quote that is not closed, text after a closing quote, a quote inside
/// an unquoted field, a row with another number of fields than the first, a blank line before the
/// end.
class CsvReader {
 public:
  /// Another separator than a comma, such as a tab, may stand between fields. A quote inside an
  /// unquoted field is then text, as programs write it.
  explicit CsvReader(const std::filesystem::path& path, char separator = ',')
      : lines_(path), separator_(separator) {}

  /// Moves to the next row; false at the end of the file.
  [[nodiscard]] bool next(std::vector<std::string>& fields);
  /// "FILE: line N" of the first line of the last row.
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  bool end_of_text();
  void read_quoted(std::string_view& rest, std::string& field);

  LineReader lines_;
  char separator_;
  std::string where_;
  std::size_t columns_ = 0;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/csv.ipp>  // IWYU pragma: keep
#endif
