// SPDX-License-Identifier: MIT
/// @file
/// JSON values: strict reading, and writing in Python's form. Typed access is in
/// io/json_fields.hpp. Large or hostile files are better visited (io/json_visitor.hpp). To look
/// into a Json, include <nlohmann/json.hpp>, which takes too long to compile to be included here.
#pragma once

#include <solo/io/json_visitor.hpp>

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Keeps keys in the order of the text. Looking up a key is linear.
using Json = nlohmann::ordered_json;

/// The value of a whole text, with visit_json's strictness and errors. Integers arrive as
/// is_number_unsigned() or negative is_number_integer(); all other numbers, -0 and integers beyond
/// 64 bits among them, as is_number_float().
[[nodiscard]] Json parse_json(std::string_view text, const std::string& source,
                              const JsonLimits& limits = {});
/// The value of a whole file, with visit_json_file's strictness and errors.
[[nodiscard]] Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

/// As Python's json.dumps(value, indent=2, sort_keys=True), byte for byte: ASCII only, numbers as
/// repr() prints them. NaN and infinities become null, invalid UTF-8 U+FFFD. Throws ConfigError
/// "json.depth" when nested over 200 deep.
[[nodiscard]] std::string dump_sorted(const Json& value);
/// One line without white space, keys in their order, numbers in their shortest exact form, UTF-8
/// kept. NaN, infinities, invalid UTF-8 and errors as dump_sorted.
[[nodiscard]] std::string dump_line(const Json& value);
/// A double as Python's repr() prints it: 1.0, 1e-05, 1e+16.
[[nodiscard]] std::string python_repr(double value);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/json.ipp>  // IWYU pragma: keep
#endif
