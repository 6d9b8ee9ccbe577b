// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/csv.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/json_rows.hpp>
#include <solo/data/row.hpp>
#include <solo/text/encodings.hpp>
#include <solo/text/lines.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void require_utf8(std::string_view text, const std::string& where) {
  if (!is_utf8(text)) fail<FormatError>("data.utf8", where, ": expected valid UTF-8");
}

/// What each column of a table holds; none for one that is not read. Refuses a header that names no
/// row of text.
[[nodiscard]] SOLO_INLINE std::vector<std::optional<RowKey>> table_columns(
    const std::vector<std::string>& header, const std::string& where, const RowMaker& maker,
    const RowSink& sink) {
  const RowColumns& columns = maker.columns();
  std::vector<std::optional<RowKey>> keys;
  std::size_t known = 0;
  bool meanings = false;
  for (const std::string& name : header) {
    const bool upper = !columns.chosen() && name == "MR" && header.size() == 1;
    keys.push_back(upper ? RowKey::mr : columns.find(name));
    const std::optional<RowKey>& key = keys.back();
    if (!key) continue;
    ++known;
    meanings = meanings || (*key == RowKey::mr && header.size() == 1);
    if (*key == RowKey::messages || *key == RowKey::input_ids || *key == RowKey::labels) {
      fail<FormatError>("data.csv", where, ": the column ", quoted(std::string_view(name), 40),
                        ": lists do not stand in a table; JSON lines hold them");
    }
    if (std::count(keys.begin(), keys.end(), key) > 1) {
      fail<FormatError>("data.csv", where, ": the column ", quoted(std::string_view(name), 40),
                        " is there twice");
    }
  }
  const std::size_t wanted = columns.chosen() ? columns.size() : header.size();
  if (known != wanted || (meanings && !sink.takes_prompts())) {
    fail<FormatError>("data.csv", where, ": expected the header ",
                      columns.chosen() ? columns.names()
                                       : std::string("mr,ref, or prompt,completion, or text, or "
                                                     "instruction,input,output, or columns that "
                                                     "are named, as by --columns"),
                      ", found ", header.size(), " columns, the first ",
                      quoted(std::string_view(header[0]), 40));
  }
  return keys;
}

SOLO_INLINE void read_table_rows(const std::filesystem::path& path, char separator,
                                 const RowMaker& maker, RowSink& sink) {
  CsvReader reader(path, separator);
  std::vector<std::string> fields;
  if (!reader.next(fields)) return;
  const auto keys = table_columns(fields, reader.where(), maker, sink);
  while (reader.next(fields)) {
    DataRow row;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (!keys[i]) continue;
      require_utf8(fields[i], reader.where());
      row[*keys[i]] = std::move(fields[i]);
    }
    maker.add(std::move(row), reader.where(), sink);
  }
}

SOLO_INLINE void read_lora_txt(const std::filesystem::path& path, RowSink& sink) {
  constexpr std::string_view kBars = "||";
  LineReader reader(path);
  for (std::string_view line; reader.next_record(line);) {
    const std::string where = reader.where();
    require_utf8(line, where);
    line = strip_white_space(line);
    const std::size_t bars = line.find(kBars);
    if (bars == std::string_view::npos) {
      fail<FormatError>("data.line", where, ": expected context||completion, found ",
                        quoted(line, 60));
    }
    const std::string_view tail = line.substr(bars + kBars.size());
    sink.add_pair(line.substr(0, bars), tail.substr(0, tail.find(kBars)), where);
  }
}

/// A file of plain text as one document.
SOLO_INLINE void read_plain_text(const std::filesystem::path& path, const DatasetOptions& options,
                                 RowSink& sink) {
  const std::string contents = read_text_file(path, {.allow_fifo = options.allow_fifo});
  const std::string name = display_name(path);
  refuse_utf16(contents, name);
  std::string_view text = contents;
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  require_utf8(text, name);
  sink.add_document(text, name);
}

[[nodiscard]] SOLO_INLINE DataFormat format_of(const std::filesystem::path& path,
                                               DataFormat format) {
  if (format != DataFormat::automatic) return format;
  const std::filesystem::path extension = path.extension();
  if (extension == ".jsonl") return DataFormat::jsonl;
  if (extension == ".json") return DataFormat::json;
  if (extension == ".csv") return DataFormat::csv;
  if (extension == ".tsv") return DataFormat::tsv;
  if (extension == ".txt") return DataFormat::txt;
  fail<ConfigError>("data.format", display_name(path),
                    ": expected a format, or the extension .jsonl, .json, .csv, .tsv or .txt");
}

SOLO_INLINE void read_rows(const std::filesystem::path& path, const DatasetOptions& options,
                           RowSink& sink) {
  const RowMaker maker(options);
  switch (format_of(path, options.format)) {
    case DataFormat::csv:
      return read_table_rows(path, ',', maker, sink);
    case DataFormat::tsv:
      return read_table_rows(path, '\t', maker, sink);
    case DataFormat::txt:
      return read_lora_txt(path, sink);
    case DataFormat::text:
      return read_plain_text(path, options, sink);
    case DataFormat::json:
      return read_json_list(path, options.allow_fifo, maker, sink);
    default:
      return read_json_lines(path, options.allow_fifo, maker, sink);
  }
}

SOLO_INLINE void read_id_rows(const std::filesystem::path& path, const DatasetOptions& options,
                              RowSink& sink) {
  const RowMaker maker(options);
  const bool automatic = options.format == DataFormat::automatic;
  if (options.format == DataFormat::json || (automatic && path.extension() == ".json")) {
    return read_json_list(path, options.allow_fifo, maker, sink);
  }
  read_json_lines(path, options.allow_fifo, maker, sink);
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
