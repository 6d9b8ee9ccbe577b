// SPDX-License-Identifier: MIT
/// @file
/// A command of the program in a process of its own: its memory is its own, and so is its end.
#pragma once

#include "../program.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace solo::cli {

/// add_train, add_generate, …
using AddCommand = Command (*)(CLI::App& program, Common& common);

/// How a command ended.
struct ChildResult {
  int status = 0;             ///< its exit status, or 128 + the signal that ended it
  std::string error_id = {};  ///< of the solo::Error that ended it, if one did
  std::string error = {};     ///< the message of its error; empty: none
  double seconds = 0.0;
};

/// Throws what the command would for these words (without the program's name) before it begins:
/// UsageError, ConfigError, FormatError.
void check_command(AddCommand add, const std::vector<std::string>& words);

/// Runs the command in a child process; what it prints goes to the file `out`, progress to stderr.
/// SIGINT, SIGTERM and SIGHUP are passed on to it. Must not be called while other threads run.
/// Throws IoError "io.process" when no process can be made.
ChildResult run_command(AddCommand add, const std::vector<std::string>& words,
                        const std::filesystem::path& out);

/// The signal that run_command has passed on; 0: none.
int passed_signal() noexcept;

}  // namespace solo::cli
