// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/metrics/json_texts.hpp>
#include <solo/text/lower_case.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/white_space.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace solo::inline SOLO_ABI::detail {

/// A value of a JSON text, and where it stands.
struct JsonItem {
  Json value;
  std::string where;
};

/// The value when the text is JSON that begins with `first`, none when it is no JSON at all. JSON
/// that breaks a rule of ours, such as a key twice, is refused: it is no prose either.
[[nodiscard]] SOLO_INLINE std::optional<Json> json_or_none(std::string_view text, char first,
                                                           const std::string& where) {
  text = strip_white_space(text);
  if (!text.starts_with(first)) return {};
  try {
    return parse_json(text, where);
  } catch (const FormatError& error) {
    if (error.id() != "json.syntax") throw;
    return {};
  }
}

[[nodiscard]] SOLO_INLINE std::vector<std::string_view> newline_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  while (!lines.empty() && strip_white_space(lines.back()).empty()) lines.pop_back();
  return lines;
}

/// Whether a line is a JSON object with something in it.
[[nodiscard]] SOLO_INLINE bool is_json_row(std::string_view line, const std::string& where) {
  if (!strip_white_space(line).ends_with('}')) return false;
  const std::optional<Json> value = json_or_none(line, '{', where);
  return value && !value->empty();
}

/// The objects of a file of JSON; none for a file of anything else.
[[nodiscard]] SOLO_INLINE std::optional<std::vector<JsonItem>> json_items(
    std::string_view contents, const std::filesystem::path& path) {
  const std::string name = display_name(path);
  std::vector<JsonItem> items;
  std::optional<Json> whole = json_or_none(contents, '[', name);
  if (!whole) {
    if (auto object = json_or_none(contents, '{', name); object && !object->empty()) {
      whole = Json::array({*std::move(object)});
    }
  }
  if (whole) {
    for (Json& value : *whole) {
      items.push_back({std::move(value), concat(name, ": JSON item ", items.size() + 1)});
    }
    return items;
  }
  const std::vector<std::string_view> lines = newline_lines(contents);
  const auto where = [&](std::size_t i) { return concat(name, ": line ", i + 1); };
  bool rows = lower_case(path.extension().string()) == ".jsonl" && !lines.empty();
  for (std::size_t i = 0; i < lines.size() && !rows; ++i) rows = is_json_row(lines[i], where(i));
  if (!rows) return {};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    items.push_back({parse_json(lines[i], where(i) + ": JSON"), where(i) + ": JSON"});
  }
  return items;
}

/// A text in JSON as its line of a plain file would be; a line break in it is a space.
[[nodiscard]] SOLO_INLINE std::string json_text(const Json& value, std::string_view key,
                                                const std::string& where) {
  if (!value.is_string()) {
    fail<FormatError>(
        "metrics.json", where, ": ", key, ": expected a string, found ",
        value.is_null() ? "null (generated without a tokenizer?)" : value.type_name());
  }
  const std::string_view text = strip_white_space(value.get_ref<const std::string&>());
  std::string line;
  line.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const CodePoint c = code_point_at(text, pos);
    if (c.value == 0) fail<FormatError>("metrics.text", where, ": ", key, ": found NUL");
    line += is_python_line_end(c.value) ? " " : text.substr(pos, c.length);
    pos += c.length;
  }
  return line;
}

[[noreturn]] SOLO_INLINE void refuse_json(const JsonItem& item, std::string_view expected) {
  const std::string found = item.value.is_object() && !item.value.empty()
                                ? concat("the key ", quoted(item.value.begin().key()))
                                : concat("JSON of type ", item.value.type_name());
  fail<FormatError>("metrics.json", item.where, ": expected ", expected, ", found ", found);
}

SOLO_INLINE std::optional<std::vector<std::string>> json_hypotheses(
    std::string_view contents, const std::filesystem::path& path) {
  const auto items = json_items(contents, path);
  if (!items) return {};
  std::vector<std::string> texts;
  for (const JsonItem& item : *items) {
    if (!item.value.is_object() || !item.value.contains("text")) {
      refuse_json(item, R"(an object with "text", as generate prints it)");
    }
    texts.push_back(json_text(item.value["text"], "text", item.where));
  }
  return texts;
}

SOLO_INLINE std::optional<std::vector<std::vector<std::string>>> json_references(
    std::string_view contents, const std::filesystem::path& path) {
  const auto items = json_items(contents, path);
  if (!items) return {};
  std::vector<std::vector<std::string>> groups;
  for (const JsonItem& item : *items) {
    std::vector<std::string>& group = groups.emplace_back();
    const Json& object = item.value;
    const bool list = object.is_object() && object.contains("references");
    const bool one = object.is_object() && object.contains("reference");
    const bool text = object.is_object() && object.contains("text");
    if ((list ? 1 : 0) + (one ? 1 : 0) + (text ? 1 : 0) != 1 ||
        (list && (!object["references"].is_array() || object["references"].empty()))) {
      refuse_json(
          item, R"(an object with either "references" (a list of strings), "reference" or "text")");
    }
    if (!list) {
      const std::string key = one ? "reference" : "text";
      group.push_back(json_text(object[key], key, item.where));
      continue;
    }
    for (const Json& value : object["references"]) {
      group.push_back(json_text(value, "references", item.where));
    }
  }
  return groups;
}

}  // namespace solo::inline SOLO_ABI::detail
