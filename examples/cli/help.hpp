// SPDX-License-Identifier: MIT
/// @file
/// The text of --help.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace solo::cli {

/// The group of the options that every command has; --help shows it last.
inline constexpr const char* kCommonGroup = "Options of every command";

/// Fits 80 columns: usage, what the command does, required options, the others by their groups with
/// choices and defaults, examples.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

/// Example command lines of a command; of the program when `command` is empty.
std::string examples_of(const std::string& command);

}  // namespace solo::cli
