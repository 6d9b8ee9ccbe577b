// SPDX-License-Identifier: MIT
/// @file
/// Causal multi-head attention of sequences that go on, over a key/value cache.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/segment.hpp>
#include <solo/core/view.hpp>
#include <solo/kernels/table.hpp>

#include <span>

namespace solo::inline SOLO_ABI::ops {

/// What a cache has of a sequence: `length` tokens, and room for those that follow.
template <Scalar T>
struct CachedSequence {
  solo::detail::CacheBlock<T>* const* blocks = nullptr;
  /// The block whose tokens the started one still lacks, or null.
  const solo::detail::CacheBlock<T>* source = nullptr;
  Index length = 0;
};

/// qkv: (N, 3C), q | k | v, heads side by side in each; segment i continues sequence i. A row
/// attends to the sequence's tokens up to itself. The result has the bits of attention_forward over
/// the whole sequence.
template <Scalar T>
struct CachedAttention {
  ConstMatrixView<T> qkv = {};
  std::span<const Segment> segments = {};
  std::span<const CachedSequence<T>> sequences = {};
  Index layer = 0;     ///< whose keys and values the rows append
  Index capacity = 0;  ///< tokens of the longest sequence there will be
  Index heads = 1;
  double scale = 1.0;
};

/// out: (N, C).
template <Scalar T>
void cached_attention(ThreadPool& pool, const CachedAttention<T>& args, MatrixView<T> out);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/cached_attention.ipp>  // IWYU pragma: keep
#endif
