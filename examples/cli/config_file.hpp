// SPDX-License-Identifier: MIT
/// @file
/// --config FILE.json: options of a command from a file.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>

namespace solo::cli {

/// Adds --config. It must be the first option of the command: CLI11 runs the options' callbacks in
/// their order, and this one gives the later ones what the command line does not say.
///
/// The file is one object: long names of options without the dashes, and their values: booleans
/// for flags, numbers, strings; arrays for options that take several values or a list. An option on
/// the command line, or one that excludes the file's, wins. A wrong file is a FormatError or
/// ConfigError that names file and key. `given` receives its path.
void add_config_option(CLI::App& app, std::filesystem::path& given);

}  // namespace solo::cli
