// SPDX-License-Identifier: MIT
/// @file
/// The order in which LoRA's code for NLG takes the examples of a data set.
#pragma once

#include <solo/core/scalar.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What decides a LoraOrder.
struct LoraOrderOptions {
  Index examples = 1;    ///< at least 1, below 2^31
  Index batch_size = 8;  ///< at least 1
  std::uint64_t seed = 42;
  bool shuffle = true;
};

/// All batches of an epoch are full: the data set counts as long as they are together, and what is
/// beyond its end is a random example instead, drawn from Python's random.Random(911) over all
/// epochs. The order of an epoch is torch.randperm's with the seed plus the epoch's number, as
/// DistributedSampler has it (microsoft/LoRA, examples/NLG, c4593f0).
class LoraOrder {
 public:
  explicit LoraOrder(const LoraOrderOptions& options);

  [[nodiscard]] std::int64_t batches_per_epoch() const noexcept { return batches_; }
  /// The numbers of the examples of a batch, both counted from 0; valid until the next call. LoRA's
  /// code counts epochs of training from 1, and validates in the order of epoch 0 (which gets the
  /// same draws as epoch 1 here, so that evaluations do not depend on each other). A pure function
  /// of the options and arguments; another epoch takes time in proportion to its length.
  [[nodiscard]] std::span<const Index> batch(std::int64_t epoch, std::int64_t number);

 private:
  void make(std::int64_t epoch);

  LoraOrderOptions options_;
  std::int64_t batches_;
  std::int64_t epoch_ = -1;  // what order_ is of
  std::vector<Index> order_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/lora_order.ipp>  // IWYU pragma: keep
#endif
