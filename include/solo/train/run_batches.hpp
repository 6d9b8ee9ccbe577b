// SPDX-License-Identifier: MIT
/// @file
/// The batches of a run and what their losses are divided by, as the recipe has them.
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/data/lora_order.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/trainer_options.hpp>

#include <cstdint>
#include <optional>

namespace solo::inline SOLO_ABI {

/// The batches of a run, numbered from 0 over all epochs.
class RunBatches {
 public:
  /// Data and options must outlive it.
  RunBatches(const Dataset& data, const TrainerOptions& options);

  /// A pure function of data, options and number; the result is buffer.batch.
  const Batch& batch(std::int64_t number, BatchBuffer& buffer);

 private:
  const Dataset& data_;
  const TrainerOptions& options_;
  std::optional<LoraOrder> order_;  // with Recipe::lora_e2e
};

/// What LoRA's code divides the sum of a batch's losses by.
[[nodiscard]] constexpr double lora_denominator(Index tokens) noexcept {
  return static_cast<double>(tokens) + 1e-4;
}

/// The loss of a model on validation data, without label smoothing.
template <Scalar T>
[[nodiscard]] Score validation_score(const GPT2<T>& model, const Dataset& data,
                                     const TrainerOptions& options);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/run_batches.ipp>  // IWYU pragma: keep
#endif
