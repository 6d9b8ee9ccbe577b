// SPDX-License-Identifier: MIT
/// @file
/// Learning-rate schedules with the names and formulas of transformers' get_scheduler.
#pragma once

#include <solo/core/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace solo::inline SOLO_ABI {

enum class LrScheduler { linear, cosine, constant, constant_with_warmup };

inline constexpr std::array<LrScheduler, 4> kLrSchedulers = {
    LrScheduler::linear, LrScheduler::cosine, LrScheduler::constant,
    LrScheduler::constant_with_warmup};

/// transformers' spelling: "linear", "cosine", "constant" or "constant_with_warmup".
[[nodiscard]] constexpr std::string_view to_string(LrScheduler kind) noexcept {
  switch (kind) {
    case LrScheduler::linear:
      return "linear";
    case LrScheduler::cosine:
      return "cosine";
    case LrScheduler::constant:
      return "constant";
    case LrScheduler::constant_with_warmup:
      return "constant_with_warmup";
  }
  return "unknown";
}

/// The schedule of this name. Throws ConfigError ("config.value") for another name.
[[nodiscard]] inline LrScheduler lr_scheduler_from_name(std::string_view name) {
  for (const LrScheduler kind : kLrSchedulers) {
    if (to_string(kind) == name) return kind;
  }
  fail<ConfigError>("config.value",
                    "lr_scheduler: expected linear, cosine, constant or constant_with_warmup, "
                    "found ",
                    quoted(name));
}

/// λ(k), a pure function of k: the learning rate of update number k + 1 is λ(k) times the initial
/// one. With N = max_steps and W = warmup_steps, for k < W all but `constant` (which has no
/// warm-up) give k/W; after that linear is (N − k)/(N − W) and cosine ½(1 + cos(π (k − W)/(N −
/// W))), both at least 0 and with divisors of at least 1.
struct LrSchedule {
  LrScheduler kind = LrScheduler::linear;
  std::int64_t warmup_steps = 0;
  std::int64_t max_steps = 0;
  /// As LoRA's code for NLG has them: `constant` warms up too, and cosine's half wave begins at 0
  /// instead of W: ½(1 + cos(π k/N)).
  bool lora_nlg = false;

  [[nodiscard]] double factor(std::int64_t k) const noexcept {
    if (kind == LrScheduler::constant && !lora_nlg) return 1.0;
    const auto over = [](std::int64_t a, std::int64_t b) {
      return static_cast<double>(a) / static_cast<double>(std::max<std::int64_t>(1, b));
    };
    if (k < warmup_steps) return over(k, warmup_steps);
    const bool constant =
        kind == LrScheduler::constant || kind == LrScheduler::constant_with_warmup;
    if (constant) return 1.0;
    const std::int64_t rest = max_steps - warmup_steps;
    if (kind == LrScheduler::linear) return std::max(0.0, over(max_steps - k, rest));
    const double progress = lora_nlg ? over(k, max_steps) : over(k - warmup_steps, rest);
    return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
  }
};

}  // namespace solo::inline SOLO_ABI
