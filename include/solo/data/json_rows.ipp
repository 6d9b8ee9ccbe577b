// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/data/json_rows.hpp>
#include <solo/io/json_visitor.hpp>
#include <solo/text/encodings.hpp>
#include <solo/text/lines.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// The events of rows: of one, or of a list of them. finish_row() gets each.
class RowVisitor : public JsonVisitor {
 public:
  RowVisitor(const RowColumns& columns, bool list) : columns_(columns), list_(list) {}

  void on_begin_object() override {
    if (skip()) return;
    if (!in_row_) {
      if (list_ && !in_list_) wrong("an object");
      in_row_ = true;
      row_ = {};
      return;
    }
    if (!in_messages() || in_message_) wrong("an object");
    in_message_ = true;
    row_.messages->emplace_back();
    seen_ = {};
  }
  void on_end_object() override {
    if (leave_skipped()) return;
    if (!in_message_) {
      in_row_ = false;
      key_.clear();
      finish_row(std::move(row_));
      return;
    }
    in_message_ = false;
    if (!seen_.role || !seen_.content) {
      refuse("data.messages", concat(message_name(), ": expected role and content"));
    }
  }
  void on_key(std::string&& key) override {
    if (skipped_ > 0) return;
    if (in_message_) {
      if (key != "role" && key != "content") {
        refuse("data.messages", concat(message_name(), ": unknown key ",
                                       quoted(std::string_view(key)), " (known: role, content)"));
      }
      (key == "role" ? seen_.role : seen_.content) = true;
      message_key_ = std::move(key);
      return;
    }
    column_ = columns_.find(key);
    ignored_ = !column_;
    if (ignored_ && !columns_.chosen()) {
      refuse("data.unknown_key",
             concat("unknown key ", quoted(std::string_view(key)),
                    " (known: prompt, completion, text, messages, instruction, input, output, "
                    "input_ids, labels; columns, as in --columns prompt=NAME,completion=NAME, "
                    "names those to read and ignores the others)"));
    }
    key_ = std::move(key);
  }
  void on_string(std::string&& value) override {
    if (is_ignored()) return;
    if (in_message_) {
      ChatMessage& message = row_.messages->back();
      (message_key_ == "role" ? message.role : message.content) = std::move(value);
      return;
    }
    if (!wants_string() || in_array_) wrong(quoted(std::string_view(value), 40));
    row_[*column_] = std::move(value);
  }
  void on_begin_array() override {
    if (skip()) return;
    if (list_ && !in_list_) {
      in_list_ = true;
      return;
    }
    if (!in_row_ || in_array_ || wants_string()) wrong("an array");
    in_array_ = true;
    if (*column_ == RowKey::messages) {
      row_.messages.emplace();
    } else {
      ids().emplace();
    }
  }
  void on_end_array() override {
    if (leave_skipped()) return;
    (in_array_ ? in_array_ : in_list_) = false;
  }
  void on_unsigned(std::uint64_t value) override {
    if (is_ignored()) return;
    if (!in_ids()) wrong(concat(value));
    if (value > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
      refuse("data.id", concat(key_, "[", ids()->size(), "]: expected a token id, found ", value));
    }
    ids()->push_back(static_cast<int>(value));
  }
  void on_negative(std::int64_t value) override {
    if (is_ignored()) return;
    if (!in_ids() || *column_ != RowKey::labels || value != kIgnoreIndex) wrong(concat(value));
    ids()->push_back(kIgnoreIndex);
  }
  void on_float(double /*value*/) override {
    if (!is_ignored()) wrong("another number");
  }
  void on_bool(bool value) override {
    if (!is_ignored()) wrong(value ? "true" : "false");
  }
  void on_null() override {
    const bool no_input = in_row_ && column_ == RowKey::input;  // as data sets without one have it
    if (!is_ignored() && !no_input) wrong("null");
  }

 private:
  virtual void finish_row(DataRow&& row) = 0;

  /// Counts the containers of a value that is not read.
  bool skip() {
    if (skipped_ == 0 && !is_ignored()) return false;
    ++skipped_;
    return true;
  }
  bool leave_skipped() {
    if (skipped_ == 0) return false;
    --skipped_;
    return true;
  }
  [[nodiscard]] bool is_ignored() const { return skipped_ > 0 || (in_row_ && ignored_); }
  [[nodiscard]] bool wants_string() const {
    return column_ && *column_ != RowKey::messages && *column_ != RowKey::input_ids &&
           *column_ != RowKey::labels;
  }
  [[nodiscard]] bool in_messages() const { return in_array_ && *column_ == RowKey::messages; }
  [[nodiscard]] bool in_ids() const { return in_array_ && !in_messages(); }
  [[nodiscard]] std::optional<std::vector<int>>& ids() {
    return *column_ == RowKey::labels ? row_.labels : row_.ids;
  }
  [[nodiscard]] std::string message_name() const {
    return concat(key_, "[", row_.messages->size() - 1, "]");
  }

  /// Refuses the value of the last key.
  [[noreturn]] void wrong(std::string_view found) const {
    if (!in_row_) {
      refuse("data.row", concat("expected ", list_ && !in_list_ ? "a list of objects" : "an object",
                                ", found ", found));
    }
    if (in_message_) {
      refuse("data.messages",
             concat(message_name(), ".", message_key_, ": expected a string, found ", found));
    }
    if (key_.empty()) refuse("data.row", concat("expected an object, found ", found));
    const std::string_view expected = wants_string()                 ? "a string"
                                      : *column_ == RowKey::messages ? "a list of {role, content}"
                                      : !in_array_                   ? "a list of ids"
                                      : *column_ == RowKey::labels   ? "an id (digits only) or -100"
                                                                     : "an id (digits only)";
    refuse("data.row", concat(key_, ": expected ", expected, ", found ", found));
  }

  struct Seen {
    bool role = false;
    bool content = false;
  };

  const RowColumns& columns_;
  bool list_;
  DataRow row_ = {};
  std::optional<RowKey> column_ = {};  // of the last key
  std::string key_ = {};
  std::string message_key_ = {};
  Seen seen_ = {};
  bool ignored_ = false;
  bool in_list_ = false;
  bool in_row_ = false;
  bool in_array_ = false;  // of ids or messages
  bool in_message_ = false;
  std::size_t skipped_ = 0;  // containers of an ignored value that are open
};

/// One row of a line.
class LineVisitor final : public RowVisitor {
 public:
  explicit LineVisitor(const RowColumns& columns) : RowVisitor(columns, false) {}
  DataRow row = {};

 private:
  void finish_row(DataRow&& finished) override { row = std::move(finished); }
};

/// Passes on the rows of a list as they come.
class ListVisitor final : public RowVisitor {
 public:
  ListVisitor(const RowMaker& maker, RowSink& sink, std::string name)
      : RowVisitor(maker.columns(), true), maker_(maker), sink_(sink), name_(std::move(name)) {}

 private:
  void finish_row(DataRow&& row) override {
    maker_.add(std::move(row), concat(name_, ": row ", ++rows_), sink_);
  }

  const RowMaker& maker_;
  RowSink& sink_;
  std::string name_;
  std::size_t rows_ = 0;
};

[[nodiscard]] SOLO_INLINE JsonLimits row_limits() {
  JsonLimits limits;
  limits.max_values = LineReaderOptions{}.max_line_bytes;
  limits.max_token_bytes = LineReaderOptions{}.max_line_bytes;
  return limits;
}

SOLO_INLINE void read_json_lines(const std::filesystem::path& path, bool allow_fifo,
                                 const RowMaker& maker, RowSink& sink) {
  LineReader reader(path, {.allow_fifo = allow_fifo});
  const JsonLimits limits = row_limits();
  for (std::string_view line; reader.next_record(line);) {
    const std::string where = reader.where();
    LineVisitor visitor(maker.columns());
    visit_json(line, where, visitor, limits);
    maker.add(std::move(visitor.row), where, sink);
  }
}

/// Whether a file begins as a list does, or as nothing that has rows.
[[nodiscard]] SOLO_INLINE bool begins_with_object(const std::filesystem::path& path) {
  constexpr std::uint64_t kSeen = 4096;
  const InputFile file(path);
  std::string head(static_cast<std::size_t>(std::min(file.size(), kSeen)), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  refuse_utf16(head, file.name());
  std::string_view text = head;
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

SOLO_INLINE void read_json_list(const std::filesystem::path& path, bool allow_fifo,
                                const RowMaker& maker, RowSink& sink) {
  std::error_code ignored;
  const bool stream = allow_fifo && std::filesystem::is_fifo(path, ignored);
  if (stream || begins_with_object(path)) return read_json_lines(path, allow_fifo, maker, sink);
  JsonLimits limits = row_limits();
  limits.max_values = std::numeric_limits<std::size_t>::max();
  limits.skip_bom = true;
  ListVisitor visitor(maker, sink, display_name(path));
  visit_json_file(path, visitor, limits);
}

}  // namespace solo::inline SOLO_ABI::detail
