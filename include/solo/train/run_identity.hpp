// SPDX-License-Identifier: MIT
/// @file
/// Which run a checkpoint is of: what must be the same when it goes on.
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/train_plan.hpp>
#include <solo/train/trainer_options.hpp>

#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Checksum of all examples, as hexadecimal digits.
[[nodiscard]] std::string fingerprint(const Dataset& data);
/// Checksum of the base's tensors that do not train, names and shapes included: what a checkpoint
/// does not hold.
template <Scalar T>
[[nodiscard]] std::string frozen_fingerprint(GPT2<T>& model);

/// What a run trains, on what, and how.
template <Scalar T>
struct RunParts {
  GPT2<T>& model;
  const TrainerOptions& options;
  const TrainPlan& plan;
  const Dataset& train;
  const Dataset* valid = nullptr;
};

/// "bfloat16" when the base's frozen matrices are stored so, which rounds what they are multiplied
/// with too; else "full".
template <Scalar T>
[[nodiscard]] std::string storage_of_base(GPT2<T>& model);

/// Version of the library and instruction set: what the last bits depend on besides.
[[nodiscard]] std::string computed_by();

/// A JSON object of all that decides the numbers: the options, the model's and the adapter's
/// configuration, how the base is stored, fingerprints of base and data. The number of steps is not
/// in it: a run may go on for longer, its schedule then stretched. Threads, the output folder,
/// logging, evaluation and saving are left out, and so are the initial values of what trains: a
/// checkpoint replaces them. "evaluation" is for take_evaluations() alone.
template <Scalar T>
[[nodiscard]] std::string run_identity(const RunParts<T>& parts);

/// Throws ConfigError ("checkpoint.run") naming `source`, the first field in which a checkpoint's
/// run and this one differ, "evaluation" left out, and both values; FormatError ("json.…") when
/// `stored` is no object.
void require_same_run(const std::string& stored, const std::string& expected,
                      const std::string& source);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/run_identity.ipp>  // IWYU pragma: keep
#endif
