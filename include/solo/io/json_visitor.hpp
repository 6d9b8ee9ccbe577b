// SPDX-License-Identifier: MIT
/// @file
/// Strict JSON as a stream of events, for files that are large or untrusted: nothing is kept but
/// what the visitor keeps, and a file is read in small pieces.
///
/// Refused on top of what RFC 8259 refuses: a key that occurs twice in one object (compared after
/// unescaping), invalid UTF-8, a byte order mark, NUL bytes, numbers beyond double, nesting beyond
/// 64, and texts beyond the limits below. All are FormatError with a "json.…" id; the message names
/// source, line and column.
#pragma once

#include <solo/io/file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Bounds that keep hostile text from using much memory.
struct JsonLimits {
  std::size_t max_depth = 64;
  std::size_t max_values = 1'000'000;  ///< values of any kind, containers too
  std::size_t max_token_bytes = std::size_t{16}
                                << 20U;  ///< one string, key or number, or white space
  std::size_t max_tree_bytes = std::size_t{64} << 20U;  ///< of a whole Json value (io/json.hpp)
  std::uint64_t max_file_bytes = std::uint64_t{256} << 20U;
  bool skip_bom = false;  ///< accept one byte order mark at the start
};

/// Receives the events of visit_json. An event that is not overridden refuses the text
/// ("json.type"), so a visitor names exactly what it expects. Strings may be moved from.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual void on_null() { unexpected("null"); }
  virtual void on_bool(bool /*value*/) { unexpected("a boolean"); }
  /// An integer written with digits only, 0 to 2^64 - 1.
  virtual void on_unsigned(std::uint64_t /*value*/) { unexpected("a number"); }
  /// An integer written with minus and digits, -1 to -2^63.
  virtual void on_negative(std::int64_t /*value*/) { unexpected("a number"); }
  /// Every other number: with a point or an exponent, -0, or an integer beyond the two above.
  virtual void on_float(double /*value*/) { unexpected("a number"); }
  virtual void on_string(std::string&& /*value*/) { unexpected("a string"); }
  virtual void on_begin_object() { unexpected("an object"); }
  virtual void on_key(std::string&& /*key*/) {}
  virtual void on_end_object() {}
  virtual void on_begin_array() { unexpected("an array"); }
  virtual void on_end_array() {}

 protected:
  JsonVisitor() = default;
  JsonVisitor(const JsonVisitor&) = default;
  JsonVisitor& operator=(const JsonVisitor&) = default;

  /// Ends the visit: visit_json throws FormatError with this id (a literal), source, line, column
  /// and message.
  [[noreturn]] static void refuse(std::string_view id, const std::string& message);
  /// Refuses with "json.type".
  [[noreturn]] static void unexpected(std::string_view what);
};

/// Parses `text`; `source` ("config.json", "train.jsonl: line 3") begins every message.
void visit_json(std::string_view text, const std::string& source, JsonVisitor& visitor,
                const JsonLimits& limits = {});

/// Parses a file, without ever holding all of it. IoError as InputFile; FormatError "io.too_large",
/// or "io.foreign" for a Git LFS pointer, a web page and the like.
void visit_json_file(const std::filesystem::path& path, JsonVisitor& visitor,
                     const JsonLimits& limits = {});

namespace detail {

/// A part of a file that holds JSON, and what it is called in messages.
struct JsonRange {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string source = {};
};

/// As visit_json_file, for a part of an open file, such as the header of a safetensors file.
void visit_json_range(const InputFile& file, const JsonRange& range, JsonVisitor& visitor,
                      const JsonLimits& limits = {});

}  // namespace detail

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/json_visitor.ipp>  // IWYU pragma: keep
#endif
