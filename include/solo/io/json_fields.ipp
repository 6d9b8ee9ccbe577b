// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/json_fields.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI {

SOLO_INLINE std::string describe(const Json& value) {
  if (value.is_string()) return "the string " + quoted(value.get_ref<const std::string&>(), 60);
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return dump_line(value);
}

SOLO_INLINE JsonFields::JsonFields(const Json& object, std::string source, std::string parent)
    : object_(&object), source_(std::move(source)), parent_(std::move(parent)) {
  if (object.is_object()) return;
  fail<FormatError>("json.type", source_, ": ", parent_.empty() ? "" : printable(parent_) + ": ",
                    "expected an object, found ", describe(object));
}

SOLO_INLINE std::string JsonFields::where(std::string_view key) const {
  std::string text = source_ + ": ";
  if (!parent_.empty()) text += printable(parent_) + ".";
  return text + printable(key);
}

SOLO_INLINE void JsonFields::refuse(std::string_view key, std::string_view expected) const {
  fail<FormatError>("json.type", where(key), ": expected ", expected, ", found ",
                    describe(value(key)));
}

SOLO_INLINE const Json* JsonFields::find(std::string_view key) const {
  for (const auto& [name, field] : object_->get_ref<const Json::object_t&>()) {
    if (name == key) return &field;
  }
  return nullptr;
}

SOLO_INLINE bool JsonFields::absent(std::string_view key) const {
  const Json* field = find(key);
  return field == nullptr || field->is_null();
}

SOLO_INLINE const Json& JsonFields::value(std::string_view key) const {
  const Json* field = find(key);
  if (field == nullptr) {
    fail<FormatError>("json.missing", where(key), ": expected a value, found none");
  }
  return *field;
}

namespace detail {

/// Throws about `what()` ("config.json: n_head"), which is asked for then alone, unless the value
/// is an integer in the range.
template <class What>
[[nodiscard]] std::int64_t integer_of(const Json& value, const IntegerRange& range,
                                      const What& what) {
  if (!value.is_number_integer()) {
    fail<FormatError>("json.type", what(), ": expected an integer, found ", describe(value));
  }
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > kMax;
  const std::int64_t number = huge ? 0 : value.get<std::int64_t>();
  if (!huge && number >= range.min && number <= range.max) return number;
  constexpr IntegerRange kAny;
  const std::string low = range.min == kAny.min ? "-2^63" : concat(range.min);
  const std::string high = range.max == kAny.max ? "2^63 - 1" : concat(range.max);
  fail<FormatError>("json.range", what(), ": expected ", low, " to ", high, ", found ",
                    describe(value));
}

}  // namespace detail

SOLO_INLINE std::int64_t JsonFields::integer(std::string_view key,
                                             const IntegerRange& range) const {
  return detail::integer_of(value(key), range, [&] { return where(key); });
}

SOLO_INLINE std::int64_t JsonFields::integer_or(std::string_view key, std::int64_t fallback,
                                                const IntegerRange& range) const {
  return has(key) ? integer(key, range) : fallback;
}

SOLO_INLINE double JsonFields::number(std::string_view key) const {
  const Json& field = value(key);
  if (!field.is_number()) refuse(key, "a number");
  return field.get<double>();
}

SOLO_INLINE double JsonFields::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

SOLO_INLINE std::optional<double> JsonFields::number_if(std::string_view key) const {
  return absent(key) ? std::nullopt : std::optional(number(key));
}

SOLO_INLINE bool JsonFields::boolean(std::string_view key) const {
  const Json& field = value(key);
  if (!field.is_boolean()) refuse(key, "true or false");
  return field.get<bool>();
}

SOLO_INLINE bool JsonFields::boolean_or(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

SOLO_INLINE std::string JsonFields::string(std::string_view key) const {
  const Json& field = value(key);
  if (!field.is_string()) refuse(key, "a string");
  return field.get<std::string>();
}

SOLO_INLINE std::string JsonFields::string_or(std::string_view key,
                                              std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

SOLO_INLINE std::vector<std::string> JsonFields::strings(std::string_view key) const {
  const Json& field = value(key);
  if (!field.is_array()) refuse(key, "a list of strings");
  std::vector<std::string> out;
  for (const Json& item : field) {
    if (!item.is_string()) {
      fail<FormatError>("json.type", where(key), "[", out.size(), "]: expected a string, found ",
                        describe(item));
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

SOLO_INLINE std::vector<std::int64_t> JsonFields::integers(std::string_view key,
                                                           const IntegerRange& range) const {
  const Json& field = value(key);
  if (!field.is_array()) refuse(key, "a list of integers");
  std::vector<std::int64_t> out;
  for (const Json& item : field) {
    out.push_back(
        detail::integer_of(item, range, [&] { return concat(where(key), "[", out.size(), "]"); }));
  }
  return out;
}

SOLO_INLINE JsonFields JsonFields::object(std::string_view key) const {
  std::string path = parent_.empty() ? std::string(key) : parent_ + "." + std::string(key);
  return {value(key), source_, std::move(path)};
}

SOLO_INLINE void JsonFields::reject_unknown_keys(std::span<const std::string_view> allowed) const {
  for (const auto& [key, field] : object_->get_ref<const Json::object_t&>()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      const std::string prefix = parent_.empty() ? "" : printable(parent_) + ": ";
      fail<FormatError>("json.unknown_key", source_, ": ", prefix, "unknown key ", quoted(key));
    }
  }
}

SOLO_INLINE void JsonFields::reject_unknown_keys(
    std::initializer_list<std::string_view> allowed) const {
  reject_unknown_keys(std::span(allowed.begin(), allowed.size()));
}

}  // namespace solo::inline SOLO_ABI
