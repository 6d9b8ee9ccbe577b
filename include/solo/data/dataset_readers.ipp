// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/csv.hpp>
#include <solo/data/dataset_builder.hpp>
#include <solo/data/e2e.hpp>
#include <solo/io/json_visitor.hpp>
#include <solo/text/lines.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <array>
#include <limits>
#include <optional>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

/// The events of one line of JSON.
class RowVisitor final : public JsonVisitor {
 public:
  std::optional<std::string> prompt;
  std::optional<std::string> completion;
  std::optional<std::string> text;
  std::optional<std::vector<int>> ids;
  std::optional<std::vector<int>> labels;

  void on_begin_object() override {
    if (depth_ > 0) wrong("an object");
    ++depth_;
  }
  void on_end_object() override { --depth_; }
  void on_key(std::string&& key) override {
    string_ = nullptr;
    list_ = nullptr;
    if (key == "prompt") string_ = &prompt;
    if (key == "completion") string_ = &completion;
    if (key == "text") string_ = &text;
    if (key == "input_ids") list_ = &ids;
    if (key == "labels") list_ = &labels;
    if (string_ == nullptr && list_ == nullptr) {
      refuse("data.unknown_key", "unknown key " + quoted(std::string_view(key)) +
                                     " (known: prompt, completion, text, input_ids, labels)");
    }
    key_ = std::move(key);
  }
  void on_string(std::string&& value) override {
    if (string_ == nullptr || depth_ != 1) wrong(quoted(std::string_view(value), 40));
    *string_ = std::move(value);
  }
  void on_begin_array() override {
    if (depth_ != 1 || list_ == nullptr) wrong("an array");
    ++depth_;
    list_->emplace();
  }
  void on_end_array() override { --depth_; }
  void on_unsigned(std::uint64_t value) override {
    if (depth_ != 2) wrong(concat(value));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
      refuse("data.id",
             concat(key_, "[", (*list_)->size(), "]: expected a token id, found ", value));
    }
    (*list_)->push_back(static_cast<int>(value));
  }
  void on_negative(std::int64_t value) override {
    if (depth_ != 2 || list_ != &labels || value != kIgnoreIndex) wrong(concat(value));
    (*list_)->push_back(kIgnoreIndex);
  }
  void on_float(double /*value*/) override { wrong("another number"); }
  void on_bool(bool value) override { wrong(value ? "true" : "false"); }
  void on_null() override { wrong("null"); }

 private:
  /// Refuses the value of the last key.
  [[noreturn]] void wrong(std::string_view found) const {
    if (key_.empty()) refuse("data.row", concat("expected an object, found ", found));
    const std::string_view expected = string_ != nullptr ? "a string"
                                      : depth_ == 1      ? "a list of ids"
                                      : list_ == &labels ? "an id (digits only) or -100"
                                                         : "an id (digits only)";
    refuse("data.row", concat(key_, ": expected ", expected, ", found ", found));
  }

  std::optional<std::string>* string_ = nullptr;  // where the value of the last key goes
  std::optional<std::vector<int>>* list_ = nullptr;
  std::string key_;
  int depth_ = 0;
};

SOLO_INLINE void add_row(RowVisitor& row, const std::string& where, RowSink& sink) {
  const bool pair = row.prompt && row.completion;
  const bool any_pair = row.prompt || row.completion;
  const bool any_ids = row.ids || row.labels;
  const int kinds = (any_pair ? 1 : 0) + (any_ids ? 1 : 0) + (row.text ? 1 : 0);
  if (kinds != 1 || (any_pair && !pair) || (any_ids && !row.ids)) {
    fail<FormatError>("data.row", where,
                      ": expected the keys prompt and completion, or text, or input_ids (and "
                      "labels)");
  }
  if (pair) {
    sink.add_pair(*row.prompt, *row.completion, where);
  } else if (row.text) {
    sink.add_text(*row.text, where);
  } else {
    if (row.labels && row.labels->size() != row.ids->size()) {
      fail<FormatError>("data.labels", where, ": expected as many labels as ids, ", row.ids->size(),
                        ", found ", row.labels->size());
    }
    sink.add({.ids = *std::move(row.ids),
              .labels = row.labels ? *std::move(row.labels) : std::vector<int>(),
              .context_length = 0},
             where);
  }
}

SOLO_INLINE void read_jsonl(const std::filesystem::path& path, const DatasetOptions& options,
                            RowSink& sink) {
  LineReader reader(path, {.allow_fifo = options.allow_fifo});
  JsonLimits limits;
  limits.max_values = LineReaderOptions{}.max_line_bytes;
  limits.max_token_bytes = LineReaderOptions{}.max_line_bytes;
  for (std::string_view line; reader.next_record(line);) {
    const std::string where = reader.where();
    RowVisitor row;
    visit_json(line, where, row, limits);
    add_row(row, where, sink);
  }
}

SOLO_INLINE void require_utf8(std::string_view text, const std::string& where) {
  if (!is_utf8(text)) fail<FormatError>("data.utf8", where, ": expected valid UTF-8");
}

SOLO_INLINE void read_e2e_csv(const std::filesystem::path& path, RowSink& sink) {
  CsvReader reader(path);
  std::vector<std::string> fields;
  if (!reader.next(fields)) return;
  const bool pairs = fields.size() == 2 && fields[0] == "mr" && fields[1] == "ref";
  const bool meanings = fields.size() == 1 && (fields[0] == "MR" || fields[0] == "mr");
  if (!pairs && !(meanings && sink.takes_prompts())) {
    fail<FormatError>("data.csv", reader.where(), ": expected the header mr,ref, found ",
                      fields.size(), " columns, the first ", quoted(std::string_view(fields[0])));
  }
  while (reader.next(fields)) {
    for (const std::string& field : fields) require_utf8(field, reader.where());
    const std::string context = e2e_context(fields[0], reader.where());
    if (pairs) {
      sink.add_pair(context, strip_white_space(fields[1]), reader.where());
    } else {
      sink.add_prompt(context, reader.where());
    }
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

[[nodiscard]] SOLO_INLINE DataFormat format_of(const std::filesystem::path& path,
                                               DataFormat format) {
  if (format != DataFormat::automatic) return format;
  const std::filesystem::path extension = path.extension();
  if (extension == ".jsonl") return DataFormat::jsonl;
  if (extension == ".csv") return DataFormat::csv;
  if (extension == ".txt") return DataFormat::txt;
  fail<ConfigError>("data.format", display_name(path),
                    ": expected a format, or the extension .jsonl, .csv or .txt");
}

SOLO_INLINE void read_rows(const std::filesystem::path& path, const DatasetOptions& options,
                           RowSink& sink) {
  const DataFormat format = format_of(path, options.format);
  if (format == DataFormat::csv) {
    read_e2e_csv(path, sink);
  } else if (format == DataFormat::txt) {
    read_lora_txt(path, sink);
  } else {
    read_jsonl(path, options, sink);
  }
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
