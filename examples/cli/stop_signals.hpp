// SPDX-License-Identifier: MIT
/// @file
/// Ctrl-C, SIGTERM, a closed terminal and a limit on processor time end a training run after its
/// step; a second Ctrl-C or SIGTERM ends the program at once.
#pragma once

#include <solo/train/trainer.hpp>

#include <array>
#include <csignal>
#include <optional>

namespace solo::cli {

/// The run was stopped by a signal: everything is saved, and the program exits with 128 + number.
struct Stopped {
  int signal = 0;
};

/// What ends a run.
inline constexpr std::array<int, 4> kStopSignals = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};

/// While it lives, the handler gets the stop signals; SIGHUP only if it is not ignored.
class SignalHandlers {
 public:
  explicit SignalHandlers(void (*handler)(int));
  ~SignalHandlers();
  SignalHandlers(const SignalHandlers&) = delete;
  SignalHandlers& operator=(const SignalHandlers&) = delete;

  /// As it was before.
  void restore() noexcept;

 private:
  std::array<struct sigaction, kStopSignals.size()> before_ = {};
};

/// While it lives, stop signals call trainer.request_stop(). From its start on nobody reading the
/// progress lines (SIGPIPE) ends nothing. There may be one at a time.
class StopSignals {
 public:
  explicit StopSignals(Trainer<float>& trainer);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came; 0: none.
  [[nodiscard]] static int received() noexcept;

 private:
  std::optional<SignalHandlers> handlers_;
};

}  // namespace solo::cli
