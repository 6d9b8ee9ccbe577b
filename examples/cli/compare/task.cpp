// SPDX-License-Identifier: MIT
#include "task.hpp"

#include <solo/io/checksum.hpp>
#include <solo/io/file.hpp>

#include <algorithm>
#include <span>

namespace solo::cli {
namespace {

std::string checksum_of(const std::filesystem::path& path) {
  constexpr std::size_t kPiece = std::size_t{1} << 20U;
  const InputFile file(path);
  std::string piece(kPiece, '\0');
  Checksum checksum;
  for (std::uint64_t at = 0; at < file.size(); at += kPiece) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file.size() - at));
    file.read_at(at, std::as_writable_bytes(std::span(piece.data(), size)));
    checksum.update(std::string_view(piece).substr(0, size));
  }
  return checksum.digits();
}

/// Of all that the model's output depends on.
std::string model_checksum(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".json" || extension == ".safetensors" || extension == ".txt") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  Checksum checksum;
  for (const std::filesystem::path& file : files) {
    checksum.update(concat(file.filename().string(), ' ', checksum_of(file), '\n'));
  }
  return checksum.digits();
}

void write_pairs(const std::filesystem::path& path, std::span<const ReferenceGroup> groups) {
  std::string text;
  for (const ReferenceGroup& group : groups) {
    for (const std::string& reference : group.references) {
      text += dump_line({{"prompt", group.context}, {"completion", reference}}) + '\n';
    }
  }
  write_file_atomically(path, text);
}

/// The last contexts of the training file are for validation.
void hold_out(const ComparePlan& plan, TaskFiles& task, const std::filesystem::path& folder) {
  const std::vector<ReferenceGroup> groups = read_reference_groups(plan.train);
  const auto count = static_cast<std::size_t>(plan.holdout_contexts);
  if (count >= groups.size()) {
    fail<ConfigError>("compare.plan", "holdout_contexts: ", count, " of ", groups.size(),
                      " contexts of ", display_name(plan.train), " would leave none to train on");
  }
  task.train = folder / "train.jsonl";
  task.valid = folder / "valid.jsonl";
  const std::span<const ReferenceGroup> all(groups);
  write_pairs(task.train, all.first(groups.size() - count));
  write_pairs(task.valid, all.last(count));
}

}  // namespace

std::vector<std::vector<std::string>> TaskFiles::references() const {
  std::vector<std::vector<std::string>> all;
  for (const ReferenceGroup& group : groups) all.push_back(group.references);
  return all;
}

std::size_t TaskFiles::reference_count() const {
  std::size_t count = 0;
  for (const ReferenceGroup& group : groups) count += group.references.size();
  return count;
}

TaskFiles make_task(const ComparePlan& plan, const std::filesystem::path& folder) {
  make_directories(folder);
  TaskFiles task{.train = plan.train,
                 .valid = plan.valid,
                 .prompts = folder / "prompts.jsonl",
                 .groups = read_reference_groups(plan.test),
                 .inputs = Json::object()};
  if (plan.holdout_contexts > 0) hold_out(plan, task, folder);
  std::string prompts;
  for (const ReferenceGroup& group : task.groups) {
    if (group.references.empty()) {
      fail<FormatError>("data.empty", display_name(plan.test), ": no references for ",
                        quoted(group.context));
    }
    prompts += dump_line({{"prompt", group.context}}) + '\n';
  }
  write_file_atomically(task.prompts, prompts);
  task.inputs["model"] = model_checksum(plan.model);
  task.inputs["train"] = checksum_of(task.train);
  task.inputs["valid"] = checksum_of(task.valid);
  task.inputs["test"] = checksum_of(plan.test);
  return task;
}

}  // namespace solo::cli
