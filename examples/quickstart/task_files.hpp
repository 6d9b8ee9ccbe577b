// SPDX-License-Identifier: MIT
/// @file
/// The files of scripts/quickstart: its own task, somebody else's data split in two, samples to
/// look at.
#pragma once

#include <solo/core/scalar.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace solo::quickstart {

/// How many samples of the task are made.
struct TaskSizes {
  Index general = 8000;  ///< to train the base model, of the general domains
  Index train = 400;     ///< to adapt it, of the held-out domain
  Index valid = 200;     ///< for validation, of either
  Index test = 200;      ///< meanings to generate for, of the held-out domain
};

/// Writes general_train.jsonl, general_valid.jsonl, train.jsonl, valid.jsonl, test.jsonl (prompts
/// and completions) and prompts.jsonl, the prompts of test.jsonl. The same seed gives the same
/// files.
void write_task(const std::filesystem::path& folder, const TaskSizes& sizes, std::uint64_t seed);

struct SplitCounts {
  Index train = 0;
  Index valid = 0;
};

/// Splits the lines of a context||completion .txt or a prompt/completion .jsonl: those of the first
/// `contexts` distinct contexts (four fifths of them, if there are not more) into train, the others
/// into valid, files of the same extension; prompts.jsonl gets at most `prompts` contexts of valid,
/// evenly spread. Throws FormatError "data.row", "data.line", "json.…" naming the line, ConfigError
/// "data.format" for another extension, "quickstart.count" for fewer than two contexts.
SplitCounts split_data(const std::filesystem::path& data, Index contexts, Index prompts,
                       const std::filesystem::path& folder);

/// The texts in "text" of a file of JSON lines.
[[nodiscard]] std::vector<std::string> read_strings(const std::filesystem::path& file,
                                                    const std::string& field);

/// The first `count` prompts, and under each what the named files of generated texts have for it,
/// in lines of at most `width` columns. Throws FormatError "data.length" when a file has fewer
/// lines.
[[nodiscard]] std::string show_samples(
    const std::filesystem::path& prompts,
    const std::vector<std::pair<std::string, std::filesystem::path>>& texts, Index count,
    std::size_t width);

}  // namespace solo::quickstart
