// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>
#include <solo/train/progress.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <system_error>

namespace solo::inline SOLO_ABI {

namespace detail {

/// `value` with this many decimals.
SOLO_INLINE std::string fixed(double value, int decimals) {
  std::array<char, 400> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                    std::chars_format::fixed, decimals);
  return {buffer.data(), result.ptr};
}

/// Two digits at least.
SOLO_INLINE std::string padded(std::int64_t value) {
  return concat(value < 10 ? "0" : "", value);
}

}  // namespace detail

SOLO_INLINE std::string format_duration(double seconds) {
  if (!is_finite(seconds) || seconds < 0.0 || seconds > 1e12) return "--:--";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  const std::int64_t minutes = whole / 60;
  const std::string tail = concat(':', detail::padded(whole % 60));
  if (minutes < 60) return detail::padded(minutes) + tail;
  return concat(minutes / 60, ':', detail::padded(minutes % 60), tail);
}

SOLO_INLINE std::string progress_line(const Progress& progress) {
  const std::int64_t total = std::max<std::int64_t>(progress.max_steps, 0);
  const std::int64_t step = std::clamp<std::int64_t>(progress.step, 0, total);
  const double done = total == 0 ? 1.0 : static_cast<double>(step) / static_cast<double>(total);
  const std::int64_t steps = step - progress.first_step;
  const bool measured = steps > 0 && progress.seconds > 0.0;
  const double rate = measured ? static_cast<double>(steps) / progress.seconds : 0.0;
  const double rest = measured ? static_cast<double>(total - step) / rate
                               : std::numeric_limits<double>::quiet_NaN();

  const std::string percent = std::to_string(static_cast<int>(100.0 * done));
  std::string head =
      std::string(3 - std::min<std::size_t>(percent.size(), 3), ' ') + percent + "% ";
  std::string tail =
      concat(step, "/", total, " [", format_duration(progress.seconds), "<", format_duration(rest));
  if (measured) tail += concat(", ", detail::fixed(rate, rate < 10.0 ? 2 : 1), " step/s");
  if (progress.examples_per_second) {
    tail += concat(", ", detail::fixed(*progress.examples_per_second, 1), " ex/s");
  }
  tail += "]";
  if (progress.loss) tail += " loss " + detail::fixed(*progress.loss, 4);
  if (progress.eval_loss) tail += " eval " + detail::fixed(*progress.eval_loss, 4);

  constexpr int kLeastBar = 6;
  const int bar = progress.width - static_cast<int>(head.size() + tail.size()) - 3;
  if (bar < kLeastBar) return head + tail;
  const int filled = static_cast<int>(done * bar);
  return head + "|" + std::string(static_cast<std::size_t>(filled), '#') +
         std::string(static_cast<std::size_t>(bar - filled), '-') + "| " + tail;
}

}  // namespace solo::inline SOLO_ABI
