// SPDX-License-Identifier: MIT
/// @file
/// Typed access to the fields of a JSON object, with errors that name file and field.
#pragma once

#include <solo/io/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// "the string 'x'", "3", "null", …: a value as messages show it.
[[nodiscard]] std::string describe(const Json& value);

/// The closed range of an integer field.
struct IntegerRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Typed access to the fields of a JSON object that outlives it. A field that is missing
/// ("json.missing"), of another type ("json.type") or out of its range ("json.range") is a
/// FormatError that names source, field, expected and found. An integer is written with digits
/// only: 1.0, 1e0 and -0 are refused. The …_or functions return the fallback for a missing field;
/// null is a value of another type everywhere.
class JsonFields {
 public:
  /// `source` begins every message; `parent` is the field's path when the object is nested
  /// ("model"). Throws FormatError "json.type" when `object` is none.
  JsonFields(const Json& object, std::string source, std::string parent = {});
  // The object is kept by reference.
  JsonFields(Json&& object, std::string source, std::string parent = {}) = delete;

  [[nodiscard]] const Json& json() const noexcept { return *object_; }
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  /// The field's value, or nullptr.
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Missing, or null.
  [[nodiscard]] bool absent(std::string_view key) const;

  [[nodiscard]] const Json& value(std::string_view key) const;
  [[nodiscard]] std::int64_t integer(std::string_view key, const IntegerRange& range = {}) const;
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback,
                                        const IntegerRange& range = {}) const;
  /// Any JSON number; always finite.
  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] double number_or(std::string_view key, double fallback) const;
  /// Nothing for a field that is missing or null.
  [[nodiscard]] std::optional<double> number_if(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback) const;
  [[nodiscard]] std::string string(std::string_view key) const;
  [[nodiscard]] std::string string_or(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] std::vector<std::string> strings(std::string_view key) const;
  [[nodiscard]] std::vector<std::int64_t> integers(std::string_view key,
                                                   const IntegerRange& range = {}) const;
  /// A nested object's fields.
  [[nodiscard]] JsonFields object(std::string_view key) const;

  /// Throws FormatError "json.unknown_key" naming the first key that is not in `allowed`.
  void reject_unknown_keys(std::span<const std::string_view> allowed) const;
  void reject_unknown_keys(std::initializer_list<std::string_view> allowed) const;

  /// "config.json: n_head", the beginning of a message about a field.
  [[nodiscard]] std::string where(std::string_view key) const;
  /// Throws FormatError "json.type": where(key), expected, and the value as found.
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;

 private:
  const Json* object_;
  std::string source_;
  std::string parent_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/json_fields.ipp>  // IWYU pragma: keep
#endif
