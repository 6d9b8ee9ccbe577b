// SPDX-License-Identifier: MIT
/// @file
/// How much memory a training step takes, from sizes alone.
#pragma once

#include <solo/adapters/solo/config.hpp>
#include <solo/core/checked_index.hpp>
#include <solo/nn/gpt2_config.hpp>

#include <concepts>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What a method trains, and what it has the tape keep besides what the base keeps.
struct MethodFootprint {
  Index trainable = 0;          ///< elements that train
  Index adapter = 0;            ///< elements of the adapter, frozen ones too
  Index multiplies = 0;         ///< multiplications of the adapter for each token
  bool base_trains = false;     ///< full fine-tuning: no weight is packed
  Index t_star = 0;             ///< blocks of the frozen prefix: nothing of them is kept
  bool inner_restored = false;  ///< mlp.c_proj's input is computed again in the backward pass
  Index sources = 0;            ///< outputs of the frozen prefix that links read
  std::vector<Index> columns;   ///< by block: kept a row, besides the base's
  Index link_columns = 0;       ///< kept a row by all links; checkpointing keeps none
  Index table_columns = 0;      ///< kept a row by low-rank changes of embedding and head
  Index head_factor = 0;        ///< elements of the head's factor whose gradient the loss holds
};

/// Full fine-tuning.
[[nodiscard]] MethodFootprint full_footprint(const GPT2Config& base);

namespace detail {
/// An adapter that has these tensors in its file, by their names.
[[nodiscard]] MethodFootprint tensor_footprint(std::span<const AdapterTensor> tensors,
                                               const GPT2Config& base);
void add_links(MethodFootprint& footprint, const SoloConfig& config, const GPT2Config& base);
}  // namespace detail

/// Of an adapter's configuration. Throws as Config::validate.
template <class Config>
[[nodiscard]] MethodFootprint footprint(const Config& config, const GPT2Config& base) {
  config.validate(base);
  MethodFootprint result = detail::tensor_footprint(config.tensors(base), base);
  result.trainable = parameter_count(config, base);
  if constexpr (std::same_as<Config, SoloConfig>) detail::add_links(result, config, base);
  return result;
}

/// What a step is of.
struct StepShape {
  Index batch_size = 8;
  Index sequence_length = 64;  ///< tokens, all of them scored
  DType frozen_dtype = DType::float32;
  bool gradient_checkpointing = false;
};

/// Bytes of a process that trains in float; its largest resident size is about the sum.
struct MemoryForecast {
  Index weights = 0;    ///< base, packed where it is frozen, and adapter
  Index gradients = 0;  ///< of what trains
  Index optimizer = 0;  ///< AdamW's two moments
  Index activations =
      0;              ///< most that a step has in use at once, gradients of activations included
  Index program = 0;  ///< code, buffers of the kernels, everything else

  /// Throws ShapeError ("shape.overflow").
  [[nodiscard]] Index peak() const {
    return (CheckedIndex(weights) + gradients + optimizer + activations + program).value();
  }
};

/// The forecast. Data sets, a prefix cache and an evaluation of longer batches come on top. Throws
/// ShapeError ("shape.overflow").
[[nodiscard]] MemoryForecast forecast_memory(const GPT2Config& base, const MethodFootprint& method,
                                             const StepShape& step);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/memory_forecast.ipp>  // IWYU pragma: keep
#endif
