// SPDX-License-Identifier: MIT
/// @file
/// LoRA adapters whose start took a part of the base's weights (PiSSA, OLoRA), made plain ones.
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/plan.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/hooks.hpp>

#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The A and B that an adapter began with: scale · (B A)ᵀ is what was taken out of the weight.
struct LoraFactors {
  Matrix<double> a;  ///< (r, in)
  Matrix<double> b;  ///< (out, r)
};

/// Throws ConfigError ("lora.start", "lora.conflict") when peft does not define the start of the
/// adapter on such a base: PiSSA with a scale that is not positive, OLoRA on layers that are not
/// square, ranks over the layer's, parts of c_attn, lora_bias, lm_head.
void check_start(const LoraConfig& config, const GPT2Config& base);

/// PiSSA's: the r largest singular values of the weight (in, out) and their vectors, shared between
/// A and B as in peft. Throws ConfigError ("lora.start") when value r is not distinguishable from
/// the next one, as the vectors are then any.
[[nodiscard]] LoraFactors pissa_factors(const LoraSite& site, const Matrix<double>& weight);

/// OLoRA's: the first r columns of Q and rows of R of the square weight Q R, in each other's place
/// as peft does not transpose it. Throws ConfigError ("lora.start") when the first r columns are
/// not independent.
[[nodiscard]] LoraFactors olora_factors(const LoraSite& site, const Matrix<double>& weight);

/// Makes an adapter of a file a plain one that means the same on the model's weights as they are:
/// A gets the rows of the start's A below its own, B the columns of −B, alphas and ranks what keeps
/// the scale, as peft's path_initial_model_for_weight_conversion does. `tensors` are those of
/// config.tensors(), in order, and check_start has passed. Does nothing for a plain adapter. Throws
/// ConfigError ("lora.start"), or NumericError where a start's value does not fit T.
template <Scalar T>
void make_plain(LoraConfig& config, const GPT2<T>& model, std::vector<FileTensor<T>>& tensors);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/start.ipp>  // IWYU pragma: keep
#endif
