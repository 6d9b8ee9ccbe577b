// SPDX-License-Identifier: MIT
/// @file
/// Language-model head and cross-entropy in one operation.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/table_rows.hpp>
#include <solo/autograd/tape.hpp>

#include <algorithm>
#include <span>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Rows of logits computed at a time: at most 32 MB of floats, whatever the vocabulary.
[[nodiscard]] inline Index loss_chunk_rows(Index rows, Index vocabulary) {
  constexpr Index kElements = Index{1} << 23;
  return std::min(std::max<Index>(kElements / std::max<Index>(vocabulary, 1), 32), rows);
}

}  // namespace detail

/// A head, and how an adapter changes it: logits = h · weightᵀ, in the columns of `rows` h ·
/// valuesᵀ instead, plus low_rank · factorᵀ.
template <Scalar T>
struct LmHead {
  Parameter<T>* weight = nullptr;      ///< (vocabulary, C): the token table when tied
  const TableRows<T>* rows = nullptr;  ///< of the weight, replaced; null: none
  Var<T> low_rank = {};                ///< (rows of h, r); empty: nothing is added
  Parameter<T>* factor = nullptr;      ///< (vocabulary, r)
};

/// Arguments of lm_loss.
template <Scalar T>
struct LmLossArgs {
  LmHead<T> head = {};
  std::span<const int> targets = {};  ///< one a row of h, each below the vocabulary size
  double label_smoothing = 0.0;
  double normalizer = 0.0;     ///< the losses' sum is divided by it; 0: by the number of rows
  double* nll_sum = nullptr;   ///< if not null: Σ −log p(target), without smoothing
  double* loss_sum = nullptr;  ///< if not null: Σ of the rows' losses in double
};

/// The logits (rows, vocabulary) of h (rows, C), without gradients.
template <Scalar T>
void lm_logits(Tape<T>& tape, ConstMatrixView<T> h, const LmHead<T>& head, MatrixView<T> logits);

/// Σ_rows loss(logits, target) / normalizer as a (1, 1) matrix, losses as ops::CrossEntropy
/// defines them. h: (rows, C). Works on chunks of rows: the [rows, vocabulary] logits never exist
/// whole. Throws ShapeError ("ids.range") for a target beyond the vocabulary, ConfigError
/// ("config.range") for a normalizer that is neither 0 nor a number from
/// 1e-12 on.
template <Scalar T>
[[nodiscard]] Var<T> lm_loss(Tape<T>& tape, Var<T> h, const LmLossArgs<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/autograd/lm_loss.ipp>  // IWYU pragma: keep
#endif
