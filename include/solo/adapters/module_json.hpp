// SPDX-License-Identifier: MIT
/// @file
/// Fields of peft's configurations that several kinds of adapter have.
#pragma once

#include <solo/adapters/modules.hpp>
#include <solo/io/json_fields.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The keys every peft configuration has.
inline void append_common_keys(std::vector<std::string_view>& keys) {
  keys.insert(keys.end(), {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type",
                           "peft_version", "revision", "runtime_config", "task_type"});
}
/// Throws unless they have values that are known.
void check_common_fields(const JsonFields& fields);
/// null, false, {} or []: how a file writes what is off.
[[nodiscard]] bool says_nothing(const Json& value);
/// Throws FormatError ("json.unknown_key") for a key that is none of these and says something:
/// older and later versions of peft write keys of their own, most of which are off.
void reject_unknown_settings(const JsonFields& fields, std::span<const std::string_view> known);
/// A switch that is off when null or missing.
[[nodiscard]] bool read_switch(const JsonFields& fields, std::string_view key);
/// They, to be written.
[[nodiscard]] Json common_json(std::string_view peft_type, std::string_view base_model);

/// A list of names or one name; empty when null or missing.
[[nodiscard]] std::vector<std::string> read_names(const JsonFields& fields, std::string_view key);
/// A list of names, or a string that is an expression; empty when null or missing.
[[nodiscard]] ModuleNames read_modules(const JsonFields& fields, std::string_view key);
[[nodiscard]] Json modules_json(const ModuleNames& modules);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/module_json.ipp>  // IWYU pragma: keep
#endif
