// SPDX-License-Identifier: MIT
#include "task.hpp"

#include <solo/io/checksum.hpp>
#include <solo/io/file.hpp>

#include <algorithm>
#include <span>
#include <utility>

namespace solo::cli {
namespace {

constexpr const char* kTrain = "train.jsonl";
constexpr const char* kValid = "valid.jsonl";
constexpr const char* kTestPrompts = "prompts.jsonl";
constexpr const char* kChoicePrompts = "choice_prompts.jsonl";

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
  task.train = folder / kTrain;
  task.valid = folder / kValid;
  const std::span<const ReferenceGroup> all(groups);
  write_pairs(task.train, all.first(groups.size() - count));
  write_pairs(task.valid, all.last(count));
}

bool has_text(const ReferenceGroup& group) {
  return std::any_of(group.references.begin(), group.references.end(),
                     [](const std::string& reference) { return !reference.empty(); });
}

/// The groups, which come from `source`, with a file of their prompts.
TextSet text_set(std::vector<ReferenceGroup> groups, const std::filesystem::path& source,
                 std::filesystem::path prompts) {
  std::string lines;
  for (const ReferenceGroup& group : groups) {
    if (!has_text(group)) {
      fail<FormatError>("data.empty", display_name(source), ": no references for ",
                        quoted(group.context));
    }
    lines += dump_line({{"prompt", group.context}}) + '\n';
  }
  write_file_atomically(prompts, lines);
  return {.prompts = std::move(prompts), .groups = std::move(groups)};
}

/// The validation contexts whose texts choose the settings.
TextSet choice_set(const ComparePlan& plan, const std::filesystem::path& valid,
                   std::filesystem::path prompts) {
  try {
    std::vector<ReferenceGroup> groups = read_reference_groups(valid);
    const auto count = static_cast<std::size_t>(plan.choose_contexts);
    if (count > groups.size()) {
      fail<ConfigError>("compare.plan", "choose_contexts: ", count, ", but ", display_name(valid),
                        " has ", groups.size(), " contexts; 0 takes all");
    }
    if (count > 0) groups.resize(count);
    return text_set(std::move(groups), valid, std::move(prompts));
  } catch (const FormatError& error) {
    fail<FormatError>(error.id(), error.what(), "; choose_by ", plan.choose_by,
                      " scores texts against the references of the validation data");
  }
}

}  // namespace

std::vector<std::vector<std::string>> TextSet::references() const {
  std::vector<std::vector<std::string>> all;
  for (const ReferenceGroup& group : groups) all.push_back(group.references);
  return all;
}

std::size_t TextSet::reference_count() const {
  std::size_t count = 0;
  for (const ReferenceGroup& group : groups) count += group.references.size();
  return count;
}

bool is_task_file(const ComparePlan& plan, std::string_view name) {
  if (name == kTestPrompts) return true;
  if (name == kChoicePrompts) return plan.chooses_by_texts();
  return plan.holdout_contexts > 0 && (name == kTrain || name == kValid);
}

TaskFiles make_task(const ComparePlan& plan, const std::filesystem::path& folder) {
  make_directories(folder);
  TaskFiles task{
      .train = plan.train, .valid = plan.valid, .test = {}, .choice = {}, .inputs = Json::object()};
  if (plan.holdout_contexts > 0) hold_out(plan, task, folder);
  task.test = text_set(read_reference_groups(plan.test), plan.test, folder / kTestPrompts);
  if (plan.chooses_by_texts()) task.choice = choice_set(plan, task.valid, folder / kChoicePrompts);
  task.inputs["model"] = model_checksum(plan.model);
  task.inputs["train"] = checksum_of(task.train);
  task.inputs["valid"] = checksum_of(task.valid);
  task.inputs["test"] = checksum_of(plan.test);
  return task;
}

}  // namespace solo::cli
