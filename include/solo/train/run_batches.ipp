// SPDX-License-Identifier: MIT
#pragma once

#include <solo/train/run_batches.hpp>

namespace solo::inline SOLO_ABI {

SOLO_INLINE RunBatches::RunBatches(const Dataset& data, const TrainerOptions& options)
    : data_(data), options_(options) {
  if (options_.recipe == Recipe::none) return;
  order_.emplace(LoraOrderOptions{.examples = data_.size(),
                                  .batch_size = options_.batch_size,
                                  .seed = options_.seed,
                                  .shuffle = options_.shuffle});
}

SOLO_INLINE const Batch& RunBatches::batch(std::int64_t number, BatchBuffer& buffer) {
  if (!order_) {
    return data_.batch({.seed = options_.seed,
                        .step = number,
                        .size = options_.batch_size,
                        .shuffle = options_.shuffle,
                        .share_context = options_.share_context,
                        .by_context = options_.shuffle_by_context},
                       buffer);
  }
  const std::int64_t epoch = number / order_->batches_per_epoch();
  const auto numbers = order_->batch(epoch + 1, number % order_->batches_per_epoch());
  data_.batch_of(numbers, {.share_context = options_.share_context}, buffer);
  buffer.batch.seed = options_.seed;
  buffer.batch.step = number;
  return buffer.batch;
}

template <Scalar T>
Score validation_score(const GPT2<T>& model, const Dataset& data, const TrainerOptions& options) {
  const Index size = options.eval_batch_size;
  if (options.recipe == Recipe::none) return model.score(data, {.batch_size = size});
  LoraOrder order({.examples = data.size(),
                   .batch_size = size,
                   .seed = options.seed,
                   .shuffle = options.shuffle});
  double sum = 0.0;
  Index tokens = 0;
  BatchBuffer buffer;
  for (std::int64_t i = 0; i < order.batches_per_epoch(); ++i) {
    const Batch& batch = data.batch_of(order.batch(0, i), {}, buffer);
    if (batch.scored_tokens == 0) continue;  // its loss is 0
    const Score part = model.score(batch);
    sum += part.loss * static_cast<double>(part.tokens) / lora_denominator(part.tokens);
    tokens += part.tokens;
  }
  return {sum / static_cast<double>(order.batches_per_epoch()), tokens};
}

#if !SOLO_HEADER_ONLY
template Score validation_score(const GPT2<float>&, const Dataset&, const TrainerOptions&);
template Score validation_score(const GPT2<double>&, const Dataset&, const TrainerOptions&);
#endif

}  // namespace solo::inline SOLO_ABI
