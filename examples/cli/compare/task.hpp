// SPDX-License-Identifier: MIT
/// @file
/// The files of a comparison's task: what is trained on, what chooses, what is decoded and scored.
#pragma once

#include <solo/data/references.hpp>

#include "plan.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::cli {

/// Contexts that texts are generated for, and what these are compared with.
struct TextSet {
  std::filesystem::path prompts = {};  ///< JSON lines for solo generate, one for each group
  std::vector<ReferenceGroup> groups = {};

  [[nodiscard]] std::vector<std::vector<std::string>> references() const;
  [[nodiscard]] std::size_t reference_count() const;
};

/// The task of a plan, in a folder of the comparison.
struct TaskFiles {
  std::filesystem::path train;
  std::filesystem::path valid;
  TextSet test;
  TextSet choice;  ///< of the validation data; empty where the loss chooses
  Json inputs;     ///< checksums of the model and of all data: what results depend on
};

/// Whether make_task() writes a file of this name.
[[nodiscard]] bool is_task_file(const ComparePlan& plan, std::string_view name);

/// Writes the prompts, and train.jsonl and valid.jsonl where validation data are held out of the
/// training file. Throws ConfigError "compare.plan" when too few contexts would be left to train
/// on or there are fewer than are to choose; FormatError "data.empty" for a test file without
/// references, or validation data without them where a metric chooses.
[[nodiscard]] TaskFiles make_task(const ComparePlan& plan, const std::filesystem::path& folder);

}  // namespace solo::cli
