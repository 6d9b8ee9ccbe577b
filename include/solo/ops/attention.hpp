// SPDX-License-Identifier: MIT
/// @file
/// Causal multi-head attention over the segments of a ragged batch, streaming over keys: no T × T
/// matrix is kept, the backward pass recomputes the weights from the saved log-sum-exp.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/rng.hpp>
#include <solo/core/segment.hpp>
#include <solo/core/view.hpp>
#include <solo/kernels/table.hpp>

#include <span>

namespace solo::inline SOLO_ABI::ops {

/// What forward and backward share. qkv: (N, 3C), q | k | v, heads side by side in each.
/// A row attends to its parent segment (if any), then to its own segment up to itself, in this
/// order. Attention-weight dropout with probability p: the weight of head h, query row i
/// (batch row number), key number j (0 = first key of that row) is decided by random.uniform((i ·
/// heads + h) · 65536 · 256 + j) >= p.
template <Scalar T>
struct AttentionShape {
  ConstMatrixView<T> qkv = {};
  std::span<const Segment> segments = {};
  Index heads = 1;
  double scale = 1.0;  ///< of the scores, usually 1/√head_dim
  double dropout = 0.0;
  Philox random{0};
};

/// out: (N, C); lse: (N · heads) log-sum-exp of the scaled scores at [row · heads + head], or null.
template <Scalar T>
void attention_forward(ThreadPool& pool, const AttentionShape<T>& shape, MatrixView<T> out, T* lse);

/// Accumulates dqkv; lse is the forward's.
template <Scalar T>
struct AttentionBackward {
  ConstMatrixView<T> dout = {};
  const T* lse = nullptr;
  MatrixView<T> dqkv = {};
};
template <Scalar T>
void attention_backward(ThreadPool& pool, const AttentionShape<T>& shape,
                        const AttentionBackward<T>& args);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/attention.ipp>  // IWYU pragma: keep
#endif
