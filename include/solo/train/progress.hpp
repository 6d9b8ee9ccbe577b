// SPDX-License-Identifier: MIT
/// @file
/// Text of a progress bar. The library prints nothing: programs print it.
#pragma once

#include <solo/core/config.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace solo::inline SOLO_ABI {

/// What a progress line shows.
struct Progress {
  std::int64_t step = 0;
  std::int64_t max_steps = 0;
  std::int64_t first_step = 0;  ///< done before, when the run goes on from a checkpoint
  double seconds = 0.0;         ///< since then
  std::optional<double> loss = {};
  std::optional<double> eval_loss = {};
  std::optional<double> examples_per_second = {};
  int width = 80;  ///< columns; the bar takes what the figures leave, and goes when that is little
};

/// One line without a newline, such as
/// " 42% |########----------| 126/300 [00:31<00:43, 4.1 step/s, 32.5 ex/s] loss 2.3456
/// eval 2.4012".
[[nodiscard]] std::string progress_line(const Progress& progress);

/// "00:31", "12:07", "3:05:09"; "--:--" when it is not known (not finite or negative).
[[nodiscard]] std::string format_duration(double seconds);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/progress.ipp>  // IWYU pragma: keep
#endif
