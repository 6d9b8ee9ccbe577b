// SPDX-License-Identifier: MIT
/// @file
/// DoRA's change of a linear layer (Liu et al. 2024) as a fused tape operation.
#pragma once

#include <solo/adapters/lora/low_rank_update.hpp>

namespace solo::inline SOLO_ABI {

/// The base layer of a weight-decomposed update: weight (in, out), its bias (out) or null, and the
/// magnitude m (out).
template <Scalar T>
struct DoraBase {
  Parameter<T>* weight = nullptr;
  Parameter<T>* bias = nullptr;
  Parameter<T>* magnitude = nullptr;
};

/// With V = W + s · (BA)ᵀ, n_j = ‖V(:, j)‖ (a constant to the backward pass) and c = m / n:
/// b + c ⊙ (x V), or with dropout y + c ⊙ (drop(x) V) − drop(x) W, as peft does. y = x W + b must
/// be x's image; its value is changed. args.bias is not used, the one part is the whole layer.
/// Throws NumericError ("numeric.dora") where a column of V is zero.
template <Scalar T>
[[nodiscard]] Var<T> dora_update(Tape<T>& tape, Var<T> x, Var<T> y, const LowRankArgs<T>& args,
                                 const DoraBase<T>& base);

/// norms[j] = ‖W(:, j) + s · (BA)ᵀ(:, j)‖. weight: (in, out), a: (r, in), b: (out, r).
template <Scalar T>
struct ColumnNorms {
  Operand<T> weight = {};
  ConstMatrixView<T> a = {};
  ConstMatrixView<T> b = {};
  double scale = 1.0;
  T* norms = nullptr;
  T* block = nullptr;      ///< workspace of kNormRows · out elements; null: allocated
  double* sums = nullptr;  ///< workspace of out elements; null: allocated
};
/// Rows of the weight that column_norms works on at a time.
inline constexpr Index kNormRows = 128;
template <Scalar T>
void column_norms(ThreadPool& pool, const ColumnNorms<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/dora_update.ipp>  // IWYU pragma: keep
#endif
