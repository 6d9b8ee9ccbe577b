// SPDX-License-Identifier: MIT
/// @file
/// LoRA's change of a linear layer as a fused tape operation.
#pragma once

#include <solo/adapters/lora/low_rank.hpp>

namespace solo::inline SOLO_ABI {

/// y += s · (drop(x) AᵀBᵀ + bias) in place. x: (N, in), y: (N, out). No backward step may need the
/// old value of y (ConfigError "tape.in_place").
template <Scalar T>
void low_rank_update(Tape<T>& tape, Var<T> x, Var<T> y, const LowRankArgs<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/low_rank_update.ipp>  // IWYU pragma: keep
#endif
