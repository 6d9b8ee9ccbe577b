// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/mersenne_twister.hpp>
#include <solo/data/lora_order.hpp>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {

SOLO_INLINE LoraOrder::LoraOrder(const LoraOrderOptions& options) : options_(options) {
  const auto check = [](std::string_view name, Index value) {
    constexpr Index kMost = std::numeric_limits<std::int32_t>::max();
    if (value >= 1 && value <= kMost) return;
    fail<ConfigError>("data.options", name, ": expected 1 to ", kMost, ", found ", value);
  };
  check("examples", options_.examples);
  check("batch size", options_.batch_size);
  batches_ = (options_.examples - 1) / options_.batch_size + 1;
}

SOLO_INLINE void LoraOrder::make(std::int64_t epoch) {
  const Index length = batches_ * options_.batch_size;
  order_.resize(static_cast<std::size_t>(length));
  std::iota(order_.begin(), order_.end(), Index{0});
  if (options_.shuffle) {
    MersenneTwister random(
        static_cast<std::uint32_t>(options_.seed + static_cast<std::uint64_t>(epoch)));
    for (Index i = 0; i + 1 < length; ++i) {
      const Index other = i + static_cast<Index>(random.next()) % (length - i);
      std::swap(order_[static_cast<std::size_t>(i)], order_[static_cast<std::size_t>(other)]);
    }
  }
  constexpr std::uint32_t kFillerSeed = 911;
  MersenneTwister filler = MersenneTwister::python(kFillerSeed);
  const auto examples = static_cast<std::uint32_t>(options_.examples);
  const std::int64_t drawn = std::max<std::int64_t>(epoch - 1, 0) * (length - options_.examples);
  for (std::int64_t i = 0; i < drawn; ++i) static_cast<void>(filler.below(examples));
  for (Index& number : order_) {
    if (number >= options_.examples) number = static_cast<Index>(filler.below(examples));
  }
  epoch_ = epoch;
}

SOLO_INLINE std::span<const Index> LoraOrder::batch(std::int64_t epoch, std::int64_t number) {
  if (epoch < 0 || number < 0 || number >= batches_) {
    fail<ConfigError>("data.options", "epoch ", epoch, ", batch ", number,
                      ": expected an epoch of at least 0 and a batch of 0 to ", batches_ - 1);
  }
  if (epoch != epoch_) make(epoch);
  return std::span(order_).subspan(static_cast<std::size_t>(number * options_.batch_size),
                                   static_cast<std::size_t>(options_.batch_size));
}

}  // namespace solo::inline SOLO_ABI
