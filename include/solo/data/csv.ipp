// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/csv.hpp>

namespace solo::inline SOLO_ABI {

/// True if nothing but blank lines is left after a blank one.
SOLO_INLINE bool CsvReader::end_of_text() {
  std::string_view line;
  while (lines_.next(line)) {
    if (!line.empty())
      fail<FormatError>("data.csv", where_, ": expected a row, found a blank line");
  }
  return true;
}

/// Reads a field up to its closing quote, over as many lines as it takes. `rest` begins after the
/// opening quote and is left after the closing one.
SOLO_INLINE void CsvReader::read_quoted(std::string_view& rest, std::string& field) {
  for (;;) {
    const std::size_t quote = rest.find('"');
    field += rest.substr(0, quote);
    if (field.size() > LineReaderOptions{}.max_line_bytes) {
      fail<FormatError>("data.csv", where_, ": expected a field of at most ",
                        LineReaderOptions{}.max_line_bytes, " bytes, found more");
    }
    if (quote == std::string_view::npos) {
      field += lines_.line_end();
      if (!lines_.next(rest)) {
        fail<FormatError>("data.csv", where_, ": a quoted field is not closed");
      }
      continue;
    }
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) return;
    field += '"';
    rest.remove_prefix(1);
  }
}

SOLO_INLINE bool CsvReader::next(std::vector<std::string>& fields) {
  std::string_view rest;
  if (!lines_.next(rest)) return false;
  where_ = lines_.where();
  if (rest.empty() && end_of_text()) return false;
  fields.clear();
  for (;;) {
    std::string& field = fields.emplace_back();
    if (rest.starts_with('"')) {
      rest.remove_prefix(1);
      read_quoted(rest, field);
      if (!rest.empty() && rest.front() != separator_) {
        fail<FormatError>("data.csv", where_, ": field ", fields.size(), ": expected ",
                          quoted(std::string_view(&separator_, 1)),
                          " after the closing quote, found ", quoted(rest.substr(0, 20)));
      }
    } else {
      field = rest.substr(0, rest.find(separator_));
      rest.remove_prefix(field.size());
      if (separator_ == ',' && field.find('"') != std::string::npos) {
        fail<FormatError>("data.csv", where_, ": field ", fields.size(),
                          ": expected quotes round the whole field, found ",
                          quoted(std::string_view(field)));
      }
    }
    if (rest.empty()) break;
    rest.remove_prefix(1);
  }
  if (columns_ == 0) columns_ = fields.size();
  if (fields.size() != columns_) {
    fail<FormatError>("data.csv", where_, ": expected ", columns_, " fields, found ",
                      fields.size());
  }
  return true;
}

}  // namespace solo::inline SOLO_ABI
