// SPDX-License-Identifier: MIT
/// @file
/// Checkpoints of a training run: one safetensors file each, checksummed throughout.
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/train/run_state.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A tensor of a checkpoint to write. m and v are null for one that does not train.
template <Scalar T>
struct CheckpointTensorRef {
  std::string name = {};
  const Tensor<T>* value = nullptr;
  const Tensor<T>* m = nullptr;
  const Tensor<T>* v = nullptr;
  std::int64_t updates = 0;  ///< of this tensor so far
};

/// A tensor of a checkpoint as read.
template <Scalar T>
struct CheckpointTensor {
  std::string name = {};
  bool trains = false;  ///< m, v and updates mean something
  Tensor<T> value = {};
  Tensor<T> m = {};
  Tensor<T> v = {};
  std::int64_t updates = 0;
};

/// All that a run needs to go on, to the bit.
template <Scalar T>
struct Checkpoint {
  RunState state = {};
  std::string run = {};  ///< which run this is, a JSON object (train/run_identity.hpp)
  std::vector<CheckpointTensor<T>> tensors = {};  ///< by name
};

/// What write_checkpoint writes.
template <Scalar T>
struct CheckpointRef {
  const RunState& state;
  const std::string& run;
  std::span<const CheckpointTensorRef<T>> tensors;
};

/// Writes a checkpoint through AtomicFile and reads it back before it takes its name. The tensors
/// are "log.entries" (float64), "m.NAME", "v.NAME" and "value.NAME", in T's own precision; the
/// metadata hold the state, the run, the number of updates of each m, and a checksum for each of
/// the sections header, log, m, v and value. Throws IoError ("checkpoint.verify" when it cannot be
/// read back), or NumericError naming a tensor that is not finite.
template <Scalar T>
void write_checkpoint(const std::filesystem::path& path, const CheckpointRef<T>& checkpoint);

/// Reads a checkpoint. Every bit of the file is checked: FormatError ("safetensors.…", "json.…",
/// "checkpoint.version" for another format, "checkpoint.missing" for a section or tensor that is
/// not there, "checkpoint.checksum", "checkpoint.tensors" for tensors that contradict each other,
/// "checkpoint.log"),
/// NumericError ("numeric.nonfinite"), IoError; ConfigError ("checkpoint.run") when the numbers are
/// not of type T.
template <Scalar T>
[[nodiscard]] Checkpoint<T> read_checkpoint(const std::filesystem::path& path);

/// As read_checkpoint, one tensor in memory at a time.
template <Scalar T>
void verify_checkpoint(const std::filesystem::path& path);

/// A file in a folder that is named as a checkpoint.
struct CheckpointFile {
  std::int64_t step = 0;
  std::filesystem::path path = {};
};

/// "checkpoint-{step}.safetensors".
[[nodiscard]] std::string checkpoint_name(std::int64_t step);
/// The checkpoints in a folder by their names, newest first; none when there is no such folder.
/// Throws IoError ("io.directory") when it cannot be read.
[[nodiscard]] std::vector<CheckpointFile> find_checkpoints(const std::filesystem::path& folder);

/// What resume found.
template <Scalar T>
struct FoundCheckpoint {
  Checkpoint<T> checkpoint = {};
  std::filesystem::path path = {};
  std::vector<std::string> skipped = {};  ///< why newer ones were not taken, a message each
};

/// The newest checkpoint in a folder that can be read without an error; or the one at `path` when
/// that is a file. Throws ConfigError ("checkpoint.none") when there is no checkpoint, FormatError
/// ("checkpoint.damaged") when none can be read, or as read_checkpoint for a single file.
template <Scalar T>
[[nodiscard]] FoundCheckpoint<T> read_newest_checkpoint(const std::filesystem::path& path);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/checkpoint.ipp>  // IWYU pragma: keep
#endif
