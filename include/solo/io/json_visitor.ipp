// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json_visitor.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <exception>
#include <iterator>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// What JsonVisitor::refuse throws; never leaves visit_json.
struct JsonRefusal : std::exception {
  JsonRefusal(std::string_view refused_id, std::string why)
      : id(refused_id), message(std::move(why)) {}
  [[nodiscard]] const char* what() const noexcept override { return message.c_str(); }
  std::string_view id;  // a literal
  std::string message;
};

/// The bytes of a JSON text, piece by piece. Each piece is scanned before the lexer sees it: a NUL
/// would end its input early, and an endless token or white space would be kept in memory thrice.
class JsonInput {
 public:
  JsonInput(std::string_view text, std::size_t max_token_bytes)
      : text_(text), total_(text.size()), max_token_bytes_(max_token_bytes) {}
  JsonInput(const InputFile& file, const JsonRange& range, std::size_t max_token_bytes)
      : file_(&file),
        begin_(range.offset),
        total_(range.length),
        max_token_bytes_(max_token_bytes),
        buffer_(std::make_unique<std::array<char, kPiece>>()) {}

  [[nodiscard]] bool more() { return next_ != piece_.size() || refill(); }
  [[nodiscard]] char peek() const { return piece_[next_]; }
  void advance() { ++next_; }

  /// Handles a byte order mark at the start.
  void start(bool skip_bom) {
    constexpr std::string_view kBom = "\xEF\xBB\xBF";
    if (!more()) return;
    if (skip_bom && piece_.substr(0, 3) == kBom) next_ = 3;
    // The lexer would skip a mark without a word.
    if (next_ < piece_.size() && piece_[next_] == kBom[0]) {
      throw JsonRefusal("json.bom", "expected JSON without a byte order mark");
    }
  }

  [[nodiscard]] std::uint64_t consumed() const { return loaded_ - piece_.size() + next_; }

  /// "line 3, column 7", or "column 7" in a text of one line (which the source may number itself).
  [[nodiscard]] std::string locate(std::uint64_t offset) {
    std::uint64_t line = 1;
    std::uint64_t line_begin = 0;
    bool lines = false;
    std::uint64_t at = 0;
    for (loaded_ = 0; load();) {
      for (const char c : piece_) {
        ++at;
        if (c != '\n') continue;
        lines = lines || at != total_;
        if (at >= offset) continue;
        ++line;
        line_begin = at;
      }
    }
    const std::string column = concat("column ", std::max(offset, line_begin + 1) - line_begin);
    return lines ? concat("line ", line, ", ", column) : column;
  }

 private:
  static constexpr std::size_t kPiece = std::size_t{1} << 16U;

  bool load() {
    const std::uint64_t left = total_ - loaded_;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
    if (count == 0) return false;
    if (file_ != nullptr) {
      file_->read_at(begin_ + loaded_, std::as_writable_bytes(std::span(*buffer_).first(count)));
      piece_ = {buffer_->data(), count};
    } else {
      piece_ = text_.substr(static_cast<std::size_t>(loaded_), count);
    }
    loaded_ += count;
    return true;
  }

  bool refill() {
    if (!load()) return false;
    next_ = 0;
    scan();
    return true;
  }

  void scan() {
    for (std::size_t i = 0; i < piece_.size(); ++i) {
      const char c = piece_[i];
      if (c == '\0') stop(i, "json.syntax", "expected JSON, found a NUL byte");
      if (in_string_) {
        ++run_;
        if (escaped_) {
          escaped_ = false;
        } else if (c == '\\') {
          escaped_ = true;
        } else if (c == '"') {
          in_string_ = false;
          run_ = 0;
        }
      } else if (c == '"') {
        in_string_ = true;
        run_ = 0;
      } else {
        const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        const bool structure = c == ',' || c == ':' || c == '[' || c == ']' || c == '{' || c == '}';
        run_ = structure || blank != blank_ ? 0 : run_ + 1;
        blank_ = blank;
      }
      if (run_ > max_token_bytes_) {
        stop(i, "json.token",
             concat("expected strings, numbers and white space of at most ", max_token_bytes_,
                    " bytes at once, found more"));
      }
    }
  }

  [[noreturn]] void stop(std::size_t i, std::string_view id, const std::string& message) {
    next_ = i + 1;
    throw JsonRefusal(id, message);
  }

  std::string_view text_;
  const InputFile* file_ = nullptr;
  std::uint64_t begin_ = 0;
  std::uint64_t total_ = 0;
  std::size_t max_token_bytes_ = 0;
  std::unique_ptr<std::array<char, kPiece>> buffer_;
  std::uint64_t loaded_ = 0;
  std::string_view piece_;
  std::size_t next_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool blank_ = false;
  std::size_t run_ = 0;
};

/// What nlohmann's lexer reads from; a null input is the end.
class JsonInputIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = char;

  JsonInputIterator() = default;
  explicit JsonInputIterator(JsonInput& input) : input_(&input) {}
  char operator*() const { return input_->peek(); }
  JsonInputIterator& operator++() {
    input_->advance();
    return *this;
  }
  JsonInputIterator operator++(int) {
    input_->advance();
    return *this;
  }
  friend bool operator==(const JsonInputIterator& a, const JsonInputIterator& b) {
    return a.at_end() == b.at_end();
  }

 private:
  [[nodiscard]] bool at_end() const { return input_ == nullptr || !input_->more(); }
  JsonInput* input_ = nullptr;
};

/// Stands for a key in the test for duplicates: 16 bytes whatever the key's length, so that the
/// keys of a 100 MB object are not kept a second time. A collision made on purpose is refused as a
/// duplicate, which harms only the file that has it.
struct JsonKeyHash {
  std::uint64_t a = 0xCBF29CE484222325U;
  std::uint64_t b = 0x9E3779B97F4A7C15U;
  explicit JsonKeyHash(std::string_view key) {
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      a = (a ^ byte) * 0x100000001B3U;
      b = (b + byte + 1U) * 0xD6E8FEB86659FD93U;
      b ^= b >> 29U;
    }
  }
  auto operator<=>(const JsonKeyHash&) const = default;  // NOLINT(modernize-use-nullptr): its zero
};

/// nlohmann's events, with the strictness it lacks, passed on to a JsonVisitor.
class JsonStrictSax final : public nlohmann::json_sax<nlohmann::json> {
 public:
  JsonStrictSax(JsonVisitor& visitor, const JsonLimits& limits)
      : visitor_(visitor), limits_(limits) {}

  bool null() override {
    count();
    visitor_.on_null();
    return true;
  }
  bool boolean(bool value) override {
    count();
    visitor_.on_bool(value);
    return true;
  }
  bool number_integer(number_integer_t value) override {
    count();
    if (value < 0) {
      visitor_.on_negative(value);
    } else {
      visitor_.on_float(-0.0);  // the lexer calls this for "-…" only, so it was -0
    }
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    count();
    visitor_.on_unsigned(value);
    return true;
  }
  bool number_float(number_float_t value, const string_t& /*raw*/) override {
    count();
    visitor_.on_float(value);
    return true;
  }
  bool string(string_t& value) override {
    count();
    visitor_.on_string(std::move(value));
    return true;
  }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*elements*/) override {
    open();
    visitor_.on_begin_object();
    return true;
  }
  bool key(string_t& value) override {
    if (!keys_.back().insert(JsonKeyHash(value)).second) {
      throw JsonRefusal("json.duplicate_key", "duplicate key " + quoted(std::string_view(value)));
    }
    visitor_.on_key(std::move(value));
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    visitor_.on_end_object();
    return true;
  }
  bool start_array(std::size_t /*elements*/) override {
    open();
    visitor_.on_begin_array();
    return true;
  }
  bool end_array() override {
    keys_.pop_back();
    visitor_.on_end_array();
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …"
    std::string_view text = error.what();
    const std::size_t id_end = text.find("] ");
    if (id_end != std::string_view::npos) text.remove_prefix(id_end + 2);
    if (text.starts_with("parse error")) {
      text.remove_prefix(std::min(text.size(), text.find(": ")));
      text.remove_prefix(std::min<std::size_t>(text.size(), 2));
    }
    std::string shown = printable(text, 300);
    if (shown.size() > 600) shown = printable(text, 150);  // a byte escaped is four
    throw JsonRefusal("json.syntax", shown);
  }

 private:
  void count() {
    if (++values_ > limits_.max_values) {
      throw JsonRefusal("json.too_many",
                        concat("expected at most ", limits_.max_values, " values, found more"));
    }
  }
  void open() {
    count();
    if (keys_.size() >= limits_.max_depth) {
      throw JsonRefusal("json.depth", concat("expected nesting of at most ", limits_.max_depth,
                                             ", found deeper"));
    }
    keys_.emplace_back();
  }

  JsonVisitor& visitor_;
  const JsonLimits& limits_;
  std::size_t values_ = 0;
  std::vector<std::set<JsonKeyHash>> keys_;  // one for each open object or array
};

SOLO_INLINE void run_visit(JsonInput& input, const std::string& source, JsonVisitor& visitor,
                           const JsonLimits& limits) {
  try {
    input.start(limits.skip_bom);
    JsonStrictSax sax(visitor, limits);
    if (nlohmann::json::sax_parse(JsonInputIterator(input), JsonInputIterator(), &sax)) {
      return;
    }
    throw JsonRefusal("json.syntax", "expected JSON");
  } catch (const JsonRefusal& refusal) {
    const std::string position = input.locate(input.consumed());
    fail<FormatError>(refusal.id, source, ": ", position, ": ", refusal.message);
  }
}

SOLO_INLINE void visit_json_range(const InputFile& file, const JsonRange& range,
                                  JsonVisitor& visitor, const JsonLimits& limits) {
  JsonInput input(file, range, limits.max_token_bytes);
  run_visit(input, range.source, visitor, limits);
}

}  // namespace detail

SOLO_INLINE void JsonVisitor::refuse(std::string_view id, const std::string& message) {
  throw detail::JsonRefusal(id, message);
}

SOLO_INLINE void JsonVisitor::unexpected(std::string_view what) {
  refuse("json.type", concat("unexpected ", what));
}

SOLO_INLINE void visit_json(std::string_view text, const std::string& source, JsonVisitor& visitor,
                            const JsonLimits& limits) {
  detail::JsonInput input(text, limits.max_token_bytes);
  detail::run_visit(input, source, visitor, limits);
}

SOLO_INLINE void visit_json_file(const std::filesystem::path& path, JsonVisitor& visitor,
                                 const JsonLimits& limits) {
  const InputFile file(path);
  if (file.size() > limits.max_file_bytes) {
    fail<FormatError>("io.too_large", file.name(), ": expected at most ", limits.max_file_bytes,
                      " bytes, found ", file.size());
  }
  detail::refuse_foreign(file);
  detail::visit_json_range(file, {0, file.size(), file.name()}, visitor, limits);
}

}  // namespace solo::inline SOLO_ABI
