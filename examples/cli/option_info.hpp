// SPDX-License-Identifier: MIT
/// @file
/// What CLI11 knows about an option, for --help, --config and shell completion.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace solo::cli {

/// "FLAG", "PATH", "TEXT", "INT", "UINT", "FLOAT", "BOOL", "LIST" or "BOOL|TEXT".
std::string type_of(const CLI::Option& option);
/// The values an option is limited to; empty when it is not.
std::vector<std::string> choices_of(const CLI::Option& option);
/// Whether one option takes several values.
bool takes_several(const CLI::Option& option);
/// Its names with their dashes, the long ones last; none for a positional argument.
std::vector<std::string> names_of(const CLI::Option& option);
/// The commands of a program in their order.
std::vector<CLI::App*> commands_of(CLI::App& program);

}  // namespace solo::cli
