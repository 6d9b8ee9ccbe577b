// SPDX-License-Identifier: MIT
/// @file
/// Fields of peft's configurations that several kinds of adapter have.
#pragma once

#include <solo/adapters/modules.hpp>
#include <solo/io/json_fields.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The keys every peft configuration has.
inline void append_common_keys(std::vector<std::string_view>& keys) {
  keys.insert(keys.end(), {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_type",
                           "peft_version", "revision", "task_type"});
}
/// Throws unless they have values that are known.
void check_common_fields(const JsonFields& fields);
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
