// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/scratch.hpp>
#include <solo/ops/cached_attention.hpp>

namespace solo::inline SOLO_ABI::ops {

template <Scalar T>
void cached_attention(ThreadPool& pool, const CachedAttention<T>& args, MatrixView<T> out) {
  const KernelTable<T>& table = kernels<T>();
  const auto segments = static_cast<Index>(args.segments.size());
  const Index width = args.qkv.cols / 3;
  const Index dim = width / args.heads;
  const Index size = table.attention_cached_scratch(args.capacity, dim);
  // Heads vary slowest: equal ranges are equal work whatever the segments' lengths, and sequences
  // that share blocks read them one after the other.
  pool.for_each(segments * args.heads, [&](Index i) {
    const Index head = i / segments;
    const Segment& s = args.segments[static_cast<std::size_t>(i % segments)];
    const CachedSequence<T>& sequence = args.sequences[static_cast<std::size_t>(i % segments)];
    const T* const q = args.qkv.row(s.begin) + head * dim;
    table.attention_cached(
        {.q = q,
         .k = q + width,
         .v = q + 2 * width,
         .stride = args.qkv.stride,
         .rows = s.length,
         .blocks = sequence.blocks,
         .source = sequence.source,
         .offset = (args.layer * args.heads + head) * solo::detail::cached_head_size(dim),
         .first = sequence.length,
         .dim = dim,
         .scale = static_cast<T>(args.scale),
         .scratch = solo::detail::thread_buffer<T, solo::detail::kAttention>(size),
         .out = out.row(s.begin) + head * dim,
         .out_stride = out.stride});
  });
}

#if !SOLO_HEADER_ONLY
template void cached_attention<float>(ThreadPool&, const CachedAttention<float>&,
                                      MatrixView<float>);
template void cached_attention<double>(ThreadPool&, const CachedAttention<double>&,
                                       MatrixView<double>);
#endif

}  // namespace solo::inline SOLO_ABI::ops
