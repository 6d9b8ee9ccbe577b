// SPDX-License-Identifier: MIT
/// @file
/// The checkpoints of one run: saving, keeping the newest and the best, going on from one.
#pragma once

#include <solo/optim/adamw.hpp>
#include <solo/train/checkpoint.hpp>
#include <solo/train/run_identity.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Knows which tensors of a model and an optimizer a checkpoint holds: all of the active adapter,
/// or what trains of the base. Model, optimizer and options must outlive it.
template <Scalar T>
class CheckpointKeeper {
 public:
  CheckpointKeeper(const RunParts<T>& parts, AdamW<T>& optimizer);

  /// Throws ConfigError ("checkpoint.exists") when the output folder holds checkpoints, which a run
  /// that starts anew would mix with its own.
  void require_none() const;
  /// Puts the newest checkpoint into model, optimizer and `state`. Nothing is changed when it
  /// throws: as read_newest_checkpoint, or ConfigError: "checkpoint.run" for one of another run or
  /// as take_evaluations, "checkpoint.best" when load_best_model_at_end could not return to the
  /// best one, which is missing or damaged.
  [[nodiscard]] ResumeInfo resume(RunState& state);
  /// Writes a checkpoint, reads it back, and only then removes those beyond save_total_limit; the
  /// best one stays, and comes along from the folder that was resumed from. Throws as
  /// write_checkpoint.
  void save(const RunState& state);
  /// Puts the weights of the checkpoint of this step into the model. Throws as read_checkpoint,
  /// nothing being changed.
  void load_weights(std::int64_t step);

  /// The file of this step in the output folder, or in the one that was resumed from; empty if
  /// there is none.
  [[nodiscard]] std::filesystem::path file_of(std::int64_t step) const;

 private:
  struct Slot {
    Parameter<T>* parameter = nullptr;
    Tensor<T>* m = nullptr;
    Tensor<T>* v = nullptr;
    std::int64_t* updates = nullptr;
  };

  [[nodiscard]] const std::string& identity();
  void require_tensors(const Checkpoint<T>& checkpoint, const std::string& source) const;
  /// The end of resume(), before anything is changed: the best checkpoint can be read.
  void require_best(const RunState& state, const std::string& source) const;
  void bring_best(const RunState& state) const;
  void remove_old(const RunState& state) const;

  RunParts<T> parts_;
  std::map<std::string, Slot> slots_;  // by name
  std::string identity_;               // made when first asked for
  std::filesystem::path resumed_;      // the folder that was resumed from
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/checkpoint_keeper.ipp>  // IWYU pragma: keep
#endif
