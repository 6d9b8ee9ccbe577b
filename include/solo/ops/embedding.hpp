// SPDX-License-Identifier: MIT
/// @file
/// Token and position embedding.
#pragma once

#include <solo/kernels/gemm.hpp>

#include <span>

namespace solo::inline SOLO_ABI::ops {

/// out[i] = wte[ids[i]] + wpe[positions[i]]. wte: (V, C), wpe: (P, C), out: (N, C). Ids and
/// positions are in range (the model checks them).
template <Scalar T>
struct EmbeddingForward {
  std::span<const int> ids = {};
  std::span<const Index> positions = {};
  Operand<T> wte = {};
  Operand<T> wpe = {};
  MatrixView<T> out = {};
};
template <Scalar T>
void embedding_forward(ThreadPool& pool, const EmbeddingForward<T>& args);

/// table_grad[ids[i]] += dy[i], rows in order; threads split the columns.
template <Scalar T>
void embedding_backward(ThreadPool& pool, std::span<const Index> ids, ConstMatrixView<T> dy,
                        MatrixView<T> table_grad);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/embedding.ipp>  // IWYU pragma: keep
#endif
