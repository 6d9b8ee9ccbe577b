// SPDX-License-Identifier: MIT
/// @file
/// How data files are read, for `train`, `pretrain` and `tokenizer-train`.
#pragma once

#include <solo/data/dataset_options.hpp>

#include "program.hpp"

#include <filesystem>
#include <string>

namespace solo::cli {

/// --columns, --chat-template and --instruction-template, and --format where it is asked for.
struct DataOptions {
  std::string format = "automatic";
  std::string columns;
  std::string chat_template = "plain";
  std::string instruction_template = "alpaca";

  /// Adds --format.
  void add_format(CLI::App& app);
  /// Adds the others.
  void add_rows(CLI::App& app);
  /// The options as said; UsageError for --columns that are not NAME=NAME, ConfigError for names
  /// and templates that mean nothing.
  [[nodiscard]] DatasetOptions options() const;
  /// Adds to training_args.json what is not as usual.
  void describe(Json& extra) const;
  /// Warns, when a data set has conversations, of a chat_template in the folder of the tokenizer,
  /// which is not read.
  void warn_of_chat_template(const std::filesystem::path& folder, Index conversations) const;
};

}  // namespace solo::cli
