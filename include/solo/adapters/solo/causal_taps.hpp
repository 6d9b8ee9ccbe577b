// SPDX-License-Identifier: MIT
/// @file
/// A short causal convolution along each sequence, column by column.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/segment.hpp>
#include <solo/nn/hooks.hpp>

#include <span>

namespace solo::inline SOLO_ABI {

/// y_p = Σ_i e_i ⊙ x_{p−i}, i = 0 … w − 1, over the rows x of segments; rows before a sequence's
/// first count nothing, those of a segment's parent count. first: e_0 (cols), or null for ones;
/// later: e_1 … e_{w−1} (w − 1, cols), at least one row.
template <Scalar T>
struct CausalTapsArgs {
  Parameter<T>* first = nullptr;
  Parameter<T>* later = nullptr;
  std::span<const Segment> segments = {};
  /// By segment the w − 1 rows before it, the oldest first, where no row of x has them; and where
  /// those of the row after it go. Not in a recorded pass. Empty: none.
  std::span<const LinkHistory<T>> histories = {};
};
/// Throws ShapeError "shape.mismatch" when tensors or histories do not fit x (rows, cols), and as
/// require_segments; ConfigError "parameter.null" without later taps.
template <Scalar T>
[[nodiscard]] Var<T> causal_taps(Tape<T>& tape, Var<T> x, const CausalTapsArgs<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/solo/causal_taps.ipp>  // IWYU pragma: keep
#endif
