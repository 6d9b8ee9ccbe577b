// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Builds a Json; counts what it takes, so that a small file cannot become a huge tree.
class JsonTreeVisitor final : public JsonVisitor {
 public:
  explicit JsonTreeVisitor(std::size_t max_bytes) : left_(max_bytes) {}
  [[nodiscard]] Json take() { return std::move(root_); }

  void on_null() override { add(Json(nullptr)); }
  void on_bool(bool value) override { add(Json(value)); }
  void on_unsigned(std::uint64_t value) override { add(Json(value)); }
  void on_negative(std::int64_t value) override { add(Json(value)); }
  void on_float(double value) override { add(Json(value)); }
  void on_string(std::string&& value) override {
    charge(sizeof(std::string) + kBlock + value.size());
    add(Json(std::move(value)));
  }
  void on_begin_object() override { open(Json::object()); }
  void on_key(std::string&& key) override {
    charge(sizeof(Json::object_t::value_type) + kBlock + key.size());
    // The visit has refused duplicates; ordered_map's own insertion would search for them again.
    auto& fields = open_.back()->get_ref<Json::object_t&>();
    static_cast<Json::object_t::Container&>(fields).emplace_back(std::move(key), Json());
    field_ = &fields.back().second;
  }
  void on_end_object() override { open_.pop_back(); }
  void on_begin_array() override { open(Json::array()); }
  void on_end_array() override { open_.pop_back(); }

 private:
  static constexpr std::size_t kBlock = 16;  // what malloc adds

  void charge(std::size_t bytes) {
    if (bytes > left_) refuse("json.too_large", "expected a smaller value");
    left_ -= bytes;
  }
  Json* add(Json&& value) {
    charge(sizeof(Json));
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_object()) {
      *field_ = std::move(value);
      return field_;
    }
    auto& items = open_.back()->get_ref<Json::array_t&>();
    items.push_back(std::move(value));
    return &items.back();
  }
  void open(Json&& value) {
    charge(sizeof(Json::array_t) + kBlock);
    open_.push_back(add(std::move(value)));
  }

  std::size_t left_;
  Json root_;
  Json* field_ = nullptr;
  std::vector<Json*> open_;  // the containers around the next value, outermost first
};

/// Writes a Json; `indent` as Python's json.dumps(indent=2, sort_keys=True), else compact.
class JsonWriter {
 public:
  explicit JsonWriter(bool python) : python_(python) {}
  void write(const Json& value, std::size_t depth = 0) {
    constexpr std::size_t kDeepest = 200;
    if (depth > kDeepest) {
      fail<ConfigError>("json.depth", "JSON to write: expected nesting of at most ", kDeepest,
                        ", found deeper");
    }
    if (value.is_object()) {
      write_object(value.get_ref<const Json::object_t&>(), depth);
    } else if (value.is_array()) {
      write_array(value.get_ref<const Json::array_t&>(), depth);
    } else if (value.is_string()) {
      write_string(value.get_ref<const std::string&>());
    } else if (value.is_boolean()) {
      out += value.get<bool>() ? "true" : "false";
    } else if (value.is_number_unsigned()) {
      out += concat(value.get<std::uint64_t>());
    } else if (value.is_number_integer()) {
      out += concat(value.get<std::int64_t>());
    } else if (value.is_number_float() && std::isfinite(value.get<double>())) {
      out += python_repr(value.get<double>());
    } else {
      out += "null";
    }
  }

  std::string out;

 private:
  void new_line(std::size_t depth) {
    if (!python_) return;
    out += '\n';
    out.append(2 * depth, ' ');
  }
  void write_object(const Json::object_t& object, std::size_t depth) {
    std::vector<const Json::object_t::value_type*> fields;
    for (const auto& field : object) fields.push_back(&field);
    if (python_) {
      std::sort(fields.begin(), fields.end(),
                [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    out += '{';
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 0) out += ',';
      new_line(depth + 1);
      write_string(fields[i]->first);
      out += python_ ? ": " : ":";
      write(fields[i]->second, depth + 1);
    }
    if (!fields.empty()) new_line(depth);
    out += '}';
  }
  void write_array(const Json::array_t& array, std::size_t depth) {
    out += '[';
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (i != 0) out += ',';
      new_line(depth + 1);
      write(array[i], depth + 1);
    }
    if (!array.empty()) new_line(depth);
    out += ']';
  }
  void write_unit(unsigned unit) {  // \uXXXX
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u";
    for (unsigned shift = 16; shift != 0; shift -= 4) out += kHex[(unit >> (shift - 4U)) & 15U];
  }
  void write_code_point(std::string_view utf8) {
    unsigned code = static_cast<unsigned char>(utf8[0]) & (0xFFU >> (utf8.size() + 1));
    for (const char c : utf8.substr(1)) code = code << 6U | (static_cast<unsigned char>(c) & 63U);
    if (code >= 0x10000U) {
      write_unit(0xD800U + ((code - 0x10000U) >> 10U));
      code = 0xDC00U + ((code - 0x10000U) & 0x3FFU);
    }
    write_unit(code);
  }
  void write_string(std::string_view text) {
    constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
    constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
    constexpr std::string_view kEscaped = "\"\\bfnrt";
    out += '"';
    for (std::size_t pos = 0; pos < text.size();) {
      const std::size_t length = utf8_length(text, pos);
      const std::string_view piece = length == 0 ? kReplacement : text.substr(pos, length);
      pos += std::max<std::size_t>(length, 1);
      const std::size_t special = piece.size() == 1 ? kPlain.find(piece[0]) : kPlain.npos;
      if (special != kPlain.npos) {
        out += '\\';
        out += kEscaped[special];
      } else if (static_cast<unsigned char>(piece[0]) < 0x20U) {
        write_unit(static_cast<unsigned char>(piece[0]));
      } else if (piece.size() > 1 && python_) {
        write_code_point(piece);
      } else {
        out += piece;
      }
    }
    out += '"';
  }

  bool python_;
};

}  // namespace detail

SOLO_INLINE Json parse_json(std::string_view text, const std::string& source,
                            const JsonLimits& limits) {
  detail::JsonTreeVisitor tree(limits.max_tree_bytes);
  visit_json(text, source, tree, limits);
  return tree.take();
}

SOLO_INLINE Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
  detail::JsonTreeVisitor tree(limits.max_tree_bytes);
  visit_json_file(path, tree, limits);
  return tree.take();
}

SOLO_INLINE std::string dump_sorted(const Json& value) {
  detail::JsonWriter writer(true);
  writer.write(value);
  return std::move(writer.out);
}

SOLO_INLINE std::string dump_line(const Json& value) {
  detail::JsonWriter writer(false);
  writer.write(value);
  return std::move(writer.out);
}

SOLO_INLINE std::string python_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  int exponent = 0;
  const std::size_t exponent_at = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + exponent_at, text.data() + text.size(), exponent);
  if (exponent < -4 || exponent >= 16) return std::string(text);  // Python writes the same form
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  std::string out = text[0] == '-' ? "-" : "";
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    return out + digits;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

}  // namespace solo::inline SOLO_ABI
