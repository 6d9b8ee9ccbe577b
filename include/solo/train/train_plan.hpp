// SPDX-License-Identifier: MIT
/// @file
/// Which batches make which optimizer step: the arithmetic of the Hugging Face Trainer.
#pragma once

#include <solo/core/error.hpp>
#include <solo/train/trainer_options.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace solo::inline SOLO_ABI {

/// Consecutive batches, numbered over the whole run, that make one optimizer step.
struct BatchWindow {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// An epoch is every example once: ⌈examples / batch_size⌉ batches, in windows of
/// gradient_accumulation_steps; the last batch and the last window of an epoch may be shorter. With
/// Recipe::lora_e2e windows are never shorter: they go on into the next epoch, and batches that
/// fill none are left out. All is a pure function of the step.
struct TrainPlan {
  std::int64_t batches_per_epoch = 1;
  std::int64_t accumulation = 1;
  std::int64_t max_steps = 0;
  std::int64_t schedule_steps = 0;  ///< of the learning rate: optimizer steps, or LoRA's batches
  bool continuous = false;          ///< windows over the epochs' ends

  /// Throws ConfigError: "train.too_long" when the steps are not countable, "train.options" when a
  /// recipe's epochs are shorter than one step.
  TrainPlan(const TrainerOptions& options, Index examples)
      : batches_per_epoch((examples - 1) / options.batch_size + 1),
        accumulation(options.gradient_accumulation_steps),
        max_steps(options.max_steps),
        continuous(options.recipe == Recipe::lora_e2e) {
    if (continuous && static_cast<double>(max_steps) * static_cast<double>(accumulation) > 0x1p53) {
      fail<ConfigError>("train.too_long", "max_steps: ", max_steps, " steps of ", accumulation,
                        " batches cannot be counted");
    }
    schedule_steps = max_steps * (continuous ? accumulation : 1);
    if (max_steps > 0) return;
    const std::int64_t count = continuous ? batches_per_epoch : steps_per_epoch();
    const double steps = std::ceil(options.epochs * static_cast<double>(count));
    if (steps > 0x1p53) {
      fail<ConfigError>("train.too_long", "epochs: ", options.epochs, " epochs of ", count,
                        continuous ? " batches" : " steps", " cannot be counted");
    }
    schedule_steps = static_cast<std::int64_t>(steps);
    max_steps = continuous ? schedule_steps / accumulation : schedule_steps;
    if (max_steps == 0) {
      fail<ConfigError>("train.options", "gradient_accumulation_steps: ", accumulation,
                        " batches make a step, the run has ", schedule_steps);
    }
  }

  [[nodiscard]] std::int64_t steps_per_epoch() const noexcept {
    return (batches_per_epoch - 1) / accumulation + 1;
  }
  /// Epochs that are at least begun.
  [[nodiscard]] std::int64_t epochs() const noexcept {
    if (max_steps == 0) return 0;
    if (continuous) return (max_steps * accumulation - 1) / batches_per_epoch + 1;
    return (max_steps - 1) / steps_per_epoch() + 1;
  }
  /// Steps that the schedule has taken when step 1, 2, … updates.
  [[nodiscard]] std::int64_t schedule_step(std::int64_t step) const noexcept {
    return continuous ? step * accumulation - 1 : step - 1;
  }
  /// The batches of step 1, 2, ….
  [[nodiscard]] BatchWindow window(std::int64_t step) const noexcept {
    if (continuous) return {.first = (step - 1) * accumulation, .count = accumulation};
    const std::int64_t epoch = (step - 1) / steps_per_epoch();
    const std::int64_t begin = (step - 1) % steps_per_epoch() * accumulation;
    return {.first = epoch * batches_per_epoch + begin,
            .count = std::min(accumulation, batches_per_epoch - begin)};
  }
  /// Epochs done after `step` steps, a fraction inside one.
  [[nodiscard]] double epoch_after(std::int64_t step) const noexcept {
    if (step == 0) return 0.0;
    const BatchWindow last = window(step);
    const std::int64_t epoch = last.first / batches_per_epoch;
    const std::int64_t batch = last.first % batches_per_epoch + last.count;
    return static_cast<double>(epoch) +
           static_cast<double>(batch) / static_cast<double>(batches_per_epoch);
  }
};

}  // namespace solo::inline SOLO_ABI
