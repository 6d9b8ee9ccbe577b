// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/model_adapters.hpp>
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/train/checkpoint_keeper.hpp>
#include <solo/train/evaluation_history.hpp>

#include <algorithm>
#include <cstddef>
#include <set>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
CheckpointKeeper<T>::CheckpointKeeper(const RunParts<T>& parts, AdamW<T>& optimizer)
    : parts_(parts) {
  if (const std::string adapter = parts_.model.active_adapter(); !adapter.empty()) {
    for (Parameter<T>* p : parts_.model.adapter(adapter).parameters()) {
      slots_[p->name()].parameter = p;
    }
  } else {
    for (Parameter<T>* p : optimizer.parameters()) slots_[p->name()].parameter = p;
  }
  optimizer.visit([this](AdamWState<T> state) {
    Slot& slot = slots_[state.name];
    slot.m = &state.m;
    slot.v = &state.v;
    slot.updates = &state.step;
  });
}

template <Scalar T>
void CheckpointKeeper<T>::require_none() const {
  const std::filesystem::path& folder = parts_.options.output_dir;
  if (folder.empty()) return;
  const std::vector<CheckpointFile> found = find_checkpoints(folder);
  if (found.empty()) return;
  fail<ConfigError>("checkpoint.exists", display_name(found.front().path),
                    ": a checkpoint of an earlier run: resume to go on from it, or remove it or "
                    "take another output folder to start anew");
}

template <Scalar T>
const std::string& CheckpointKeeper<T>::identity() {
  if (identity_.empty()) identity_ = run_identity(parts_);
  return identity_;
}

template <Scalar T>
void CheckpointKeeper<T>::require_tensors(const Checkpoint<T>& checkpoint,
                                          const std::string& source) const {
  const auto refuse = [&](std::string_view name, std::string_view why) {
    fail<ConfigError>("checkpoint.run", source, ": tensor ", quoted(name), ' ', why);
  };
  std::size_t found = 0;
  for (const CheckpointTensor<T>& tensor : checkpoint.tensors) {
    const auto slot = slots_.find(tensor.name);
    if (slot == slots_.end()) refuse(tensor.name, "is not one that this run trains");
    if (slot->second.parameter->shape() != tensor.value.shape()) {
      refuse(tensor.name, "has another shape than in this run");
    }
    if ((slot->second.m != nullptr) != tensor.trains) {
      refuse(tensor.name, tensor.trains ? "is frozen in this run" : "trains in this run");
    }
    ++found;
  }
  if (found == slots_.size()) return;
  for (const auto& [name, slot] : slots_) {
    const auto same = [&n = name](const CheckpointTensor<T>& t) { return t.name == n; };
    if (std::none_of(checkpoint.tensors.begin(), checkpoint.tensors.end(), same)) {
      refuse(name, "of this run is not in it");
    }
  }
}

template <Scalar T>
ResumeInfo CheckpointKeeper<T>::resume(RunState& state) {
  const TrainerOptions& options = parts_.options;
  const std::filesystem::path& from =
      options.resume_from.empty() ? options.output_dir : options.resume_from;
  std::error_code ignored;
  std::filesystem::path folder = from;
  if (!std::filesystem::is_directory(from, ignored)) {
    folder = from.has_parent_path() ? from.parent_path() : std::filesystem::path(".");
  }
  if (!std::filesystem::equivalent(folder, options.output_dir, ignored)) {
    require_none();  // those of another run may be there
  }
  FoundCheckpoint<T> found = read_newest_checkpoint<T>(from);
  const std::string source = display_name(found.path);
  require_same_run(found.checkpoint.run, identity(), source);
  require_tensors(found.checkpoint, source);
  if (found.checkpoint.state.step > parts_.plan.max_steps) {
    fail<ConfigError>("checkpoint.run", source, ": it is of step ", found.checkpoint.state.step,
                      ", beyond the ", parts_.plan.max_steps,
                      " steps of this run: ask for more epochs or steps");
  }
  resumed_ = folder;
  identity_ =
      take_evaluations(found.checkpoint.state, options,
                       {.stored = found.checkpoint.run, .expected = identity(), .source = source});
  require_best(found.checkpoint.state, source);
  for (CheckpointTensor<T>& tensor : found.checkpoint.tensors) {
    const Slot& slot = slots_.find(tensor.name)->second;
    slot.parameter->value() = std::move(tensor.value);
    if (!tensor.trains) continue;
    *slot.m = std::move(tensor.m);
    *slot.v = std::move(tensor.v);
    *slot.updates = tensor.updates;
  }
  state = std::move(found.checkpoint.state);
  ResumeInfo info{
      .checkpoint = std::move(found.path), .step = state.step, .skipped = std::move(found.skipped)};
  const LrScheduler kind = options.lr_scheduler;
  const bool stretches = kind == LrScheduler::linear || kind == LrScheduler::cosine;
  if (stretches && state.schedule_steps != parts_.plan.schedule_steps) {
    info.notes.push_back(concat(source, ": the schedule of the learning rate was over ",
                                state.schedule_steps, " steps and is now over ",
                                parts_.plan.schedule_steps));
  }
  if (state.computed_by != computed_by()) {
    info.notes.push_back(concat(source, ": computed by ", printable(state.computed_by),
                                ", this run by ", computed_by(), ": the last bits may differ"));
  }
  return info;
}

template <Scalar T>
void CheckpointKeeper<T>::require_best(const RunState& state, const std::string& source) const {
  if (!parts_.options.load_best_model_at_end || !state.best_metric ||
      state.best_step == state.step) {
    return;
  }
  const std::string name = checkpoint_name(state.best_step);
  std::string why = "is missing";
  if (const std::filesystem::path file = file_of(state.best_step); !file.empty()) {
    try {
      verify_checkpoint<T>(file);
      return;
    } catch (const Error& error) {
      why = concat("cannot be read (", error.what(), ')');
    }
  }
  fail<ConfigError>("checkpoint.best", source, ": the lowest eval_loss, ", *state.best_metric,
                    ", is of step ", state.best_step, ", and ", name, " ", why,
                    ": bring it back, resume from a checkpoint before that step, or without "
                    "load_best_model_at_end");
}

/// The best checkpoint of a run that goes on in another folder belongs to its result.
template <Scalar T>
void CheckpointKeeper<T>::bring_best(const RunState& state) const {
  if (!parts_.options.load_best_model_at_end || !state.best_metric ||
      state.best_step == state.step) {
    return;
  }
  const std::filesystem::path target = parts_.options.output_dir / checkpoint_name(state.best_step);
  const std::filesystem::path source = file_of(state.best_step);
  std::error_code ignored;
  if (source.empty() || std::filesystem::exists(target, ignored)) return;
  constexpr std::uint64_t kPiece = 1U << 20U;
  const InputFile from(source);
  AtomicFile to(target);
  std::vector<std::byte> piece;
  for (std::uint64_t at = 0; at < from.size(); at += piece.size()) {
    piece.resize(static_cast<std::size_t>(std::min(kPiece, from.size() - at)));
    from.read_at(at, piece);
    to.write(piece);
  }
  to.commit();
}

template <Scalar T>
void CheckpointKeeper<T>::save(const RunState& state) {
  bring_best(state);
  std::vector<CheckpointTensorRef<T>> tensors;
  for (const auto& [name, slot] : slots_) {
    tensors.push_back({.name = name,
                       .value = &slot.parameter->value(),
                       .m = slot.m,
                       .v = slot.v,
                       .updates = slot.updates != nullptr ? *slot.updates : 0});
  }
  write_checkpoint<T>(parts_.options.output_dir / checkpoint_name(state.step),
                      {.state = state, .run = identity(), .tensors = tensors});
  remove_old(state);
}

template <Scalar T>
void CheckpointKeeper<T>::remove_old(const RunState& state) const {
  const std::int64_t limit = parts_.options.save_total_limit;
  if (limit == 0) return;
  std::set<std::int64_t> keep = {state.step};
  const std::vector<CheckpointFile> files = find_checkpoints(parts_.options.output_dir);
  const auto is_best = [&](const CheckpointFile& file) { return file.step == state.best_step; };
  if (tracks_best(parts_.options) && std::any_of(files.begin(), files.end(), is_best)) {
    keep.insert(state.best_step);
  }
  for (const CheckpointFile& file : files) {
    if (file.step < state.step && std::cmp_less(keep.size(), limit)) keep.insert(file.step);
  }
  for (const CheckpointFile& file : files) {
    // What cannot be removed costs room and nothing else.
    std::error_code ignored;
    if (file.step < state.step && !keep.contains(file.step)) {
      std::filesystem::remove(file.path, ignored);
    }
  }
}

template <Scalar T>
void CheckpointKeeper<T>::load_weights(std::int64_t step) {
  std::filesystem::path path = file_of(step);
  if (path.empty()) path = parts_.options.output_dir / checkpoint_name(step);
  Checkpoint<T> checkpoint = read_checkpoint<T>(path);
  require_same_run(checkpoint.run, identity(), display_name(path));
  require_tensors(checkpoint, display_name(path));
  for (CheckpointTensor<T>& tensor : checkpoint.tensors) {
    slots_.find(tensor.name)->second.parameter->value() = std::move(tensor.value);
  }
}

template <Scalar T>
std::filesystem::path CheckpointKeeper<T>::file_of(std::int64_t step) const {
  if (parts_.options.output_dir.empty()) return {};
  for (const std::filesystem::path& folder : {parts_.options.output_dir, resumed_}) {
    std::filesystem::path path = folder / checkpoint_name(step);
    std::error_code ignored;
    if (!folder.empty() && std::filesystem::exists(path, ignored)) return path;
  }
  return {};
}

#if !SOLO_HEADER_ONLY
template class CheckpointKeeper<float>;
template class CheckpointKeeper<double>;
#endif

}  // namespace solo::inline SOLO_ABI
