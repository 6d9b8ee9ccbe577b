// SPDX-License-Identifier: MIT
/// @file
/// Ctrl-C and SIGTERM end a training run after its step; a second one ends the program at once.
#pragma once

#include <solo/train/trainer.hpp>

namespace solo::cli {

/// The run was stopped by a signal: everything is saved, and the program exits with 128 + number.
struct Stopped {
  int signal = 0;
};

/// While it lives, SIGINT and SIGTERM call trainer.request_stop(). There may be one at a time.
class StopSignals {
 public:
  explicit StopSignals(Trainer<float>& trainer);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came; 0: none.
  [[nodiscard]] static int received() noexcept;
};

}  // namespace solo::cli
