// SPDX-License-Identifier: MIT
/// @file
/// What the links of an adapter do over a training run, as a file.
#pragma once

#include <solo/adapters/link_statistics.hpp>
#include <solo/io/file.hpp>
#include <solo/train/trainer.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace solo::inline SOLO_ABI {

/// A line of links.jsonl, without the newline: {"step", "links": [{"source", "destination", "gate"
/// (null: none), "ratio": ‖Δ‖ / ‖h_dst‖}]}.
[[nodiscard]] std::string to_json_line(std::int64_t step, std::span<const LinkStatistics> links);

/// What a LinkLog is about.
struct LinkLogOptions {
  Batch batch = {};        ///< the statistics are over its rows
  std::int64_t steps = 1;  ///< between lines, at least 1
};

/// Writes links.jsonl into the trainer's output folder: the statistics of a fixed batch before the
/// first step, after each `steps` steps, and at the end. A run that goes on keeps the lines up to
/// its checkpoint. It changes nothing of the training.
template <Scalar T>
class LinkLog {
 public:
  /// Adds callbacks to the trainer, whose train() it must outlive. Throws as link_statistics, and
  /// ConfigError "config.range".
  LinkLog(Trainer<T>& trainer, const GPT2<T>& model, LinkLogOptions options);
  LinkLog(const LinkLog&) = delete;
  LinkLog& operator=(const LinkLog&) = delete;

  /// After train(): the last line of a run that stopped early (none if the model then holds the
  /// weights of another step). Throws IoError.
  void finish(const TrainResult& result);

 private:
  void open();
  void write(std::int64_t step);

  const GPT2<T>& model_;
  LinkLogOptions options_;
  std::filesystem::path folder_;
  bool loads_best_;
  std::string text_;       // what the file begins with
  std::int64_t last_ = 0;  // the step of the last line
  std::optional<AppendFile> lines_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/link_log.ipp>  // IWYU pragma: keep
#endif
