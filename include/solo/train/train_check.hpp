// SPDX-License-Identifier: MIT
/// @file
/// What is checked before a training run begins, and what is told when its loss is not finite.
#pragma once

#include <solo/nn/gpt2.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Throws unless a model of this configuration can train on the data: ShapeError for an id beyond
/// the vocabulary ("ids.range") or a sequence longer than n_positions ("sequence.length"),
/// ConfigError when nothing is scored ("loss.labels"). `what` begins the message.
void check_data(const GPT2Config& config, const Dataset& data, std::string_view what);

/// The model's trainable parameters. Throws ConfigError ("train.nothing") if there are none.
template <Scalar T>
[[nodiscard]] std::vector<Parameter<T>*> require_trainable(GPT2<T>& model);

/// Throws NumericError ("numeric.loss") for the loss of a step, with the name of the first tensor
/// of model and active adapter that is not finite.
template <Scalar T>
[[noreturn]] void refuse_loss(GPT2<T>& model, std::int64_t step, double loss);

/// Throws NumericError ("numeric.parameter") naming the first parameter that is not finite after
/// this step.
template <Scalar T>
void require_finite(const std::vector<Parameter<T>*>& parameters, std::int64_t step);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/train_check.ipp>  // IWYU pragma: keep
#endif
