// SPDX-License-Identifier: MIT
/// @file
/// The files of a comparison's task: what is trained on, what chooses, what is decoded and scored.
#pragma once

#include <solo/data/references.hpp>

#include "plan.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace solo::cli {

/// The task of a plan, in a folder of the comparison.
struct TaskFiles {
  std::filesystem::path train;
  std::filesystem::path valid;
  std::filesystem::path prompts;  ///< JSON lines for solo generate, one for each group
  std::vector<ReferenceGroup> groups;
  Json inputs;  ///< checksums of the model and of all data: what results depend on

  [[nodiscard]] std::vector<std::vector<std::string>> references() const;
  [[nodiscard]] std::size_t reference_count() const;
};

/// Writes prompts.jsonl, and train.jsonl and valid.jsonl where validation data are held out of the
/// training file. Throws ConfigError "compare.plan" when too few contexts would be left to train
/// on, FormatError "data.empty" for a test file without references.
[[nodiscard]] TaskFiles make_task(const ComparePlan& plan, const std::filesystem::path& folder);

}  // namespace solo::cli
