// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/attention.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
[[nodiscard]] const Segment& segment_at(const AttentionShape<T>& shape, Index segment) {
  return shape.segments[static_cast<std::size_t>(segment)];
}

/// The keys and values of a segment of the batch.
template <Scalar T>
[[nodiscard]] solo::detail::KeyRun<T> key_run(const AttentionShape<T>& shape, const Segment& s,
                                              Index head) {
  const Index width = shape.qkv.cols / 3;
  const T* row = shape.qkv.row(s.begin) + head * (width / shape.heads);
  return {row + width, row + 2 * width, shape.qkv.stride, shape.qkv.stride, s.length};
}

/// What both directions need of one (segment, head); scratch and outputs are left open.
template <Scalar T>
[[nodiscard]] solo::detail::AttentionHead<T> attention_head(const AttentionShape<T>& shape,
                                                            Index segment, Index head) {
  const Segment& s = segment_at(shape, segment);
  const Index dim = shape.qkv.cols / 3 / shape.heads;
  solo::detail::AttentionHead<T> task;
  task.q = shape.qkv.row(s.begin) + head * dim;
  task.q_stride = shape.qkv.stride;
  task.own = key_run(shape, s, head);
  task.dim = dim;
  task.scale = static_cast<T>(shape.scale);
  task.dropout = solo::detail::DropoutRule(shape.dropout, shape.random);
  task.dropout_first = static_cast<std::uint64_t>(s.begin * shape.heads + head) << 24U;
  task.dropout_step = static_cast<std::uint64_t>(shape.heads) << 24U;
  Index keys = task.own.length;
  if (s.parent >= 0) {
    task.before = key_run(shape, segment_at(shape, s.parent), head);
    keys += task.before.length;
  }
  // Every run may end in a started panel.
  task.scratch = solo::detail::thread_buffer<T, solo::detail::kAttention>(
      kernels<T>().attention_scratch(keys, dim));
  return task;
}

template <Scalar T>
void attention_backward_head(const AttentionShape<T>& shape, const AttentionBackward<T>& args,
                             Index segment, Index head) {
  const Segment& s = segment_at(shape, segment);
  const Index width = shape.qkv.cols / 3;
  const Index col = head * (width / shape.heads);
  auto task = attention_head(shape, segment, head);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the kernel only reads it.
  task.lse = const_cast<T*>(args.lse) + s.begin * shape.heads + head;
  task.lse_stride = shape.heads;
  T* own = args.dqkv.row(s.begin) + col;
  T* before = s.parent < 0 ? nullptr : args.dqkv.row(segment_at(shape, s.parent).begin) + col;
  kernels<T>().attention_backward(task,
                                  {.dout = args.dout.row(s.begin) + col,
                                   .dout_stride = args.dout.stride,
                                   .dq = own,
                                   .dk_own = own + width,
                                   .dv_own = own + 2 * width,
                                   .dk_before = before == nullptr ? nullptr : before + width,
                                   .dv_before = before == nullptr ? nullptr : before + 2 * width,
                                   .d_stride = args.dqkv.stride});
}

}  // namespace detail

template <Scalar T>
void attention_forward(ThreadPool& pool, const AttentionShape<T>& shape, MatrixView<T> out,
                       T* lse) {
  require_segments(shape.segments, shape.qkv.rows, 0);
  const auto segments = static_cast<Index>(shape.segments.size());
  // Heads vary slowest, so equal ranges are equal work whatever the segments' lengths.
  pool.for_each(segments * shape.heads, [&](Index i) {
    const Index head = i / segments;
    const Segment& s = detail::segment_at(shape, i % segments);
    auto task = detail::attention_head(shape, i % segments, head);
    task.out = out.row(s.begin) + head * task.dim;
    task.out_stride = out.stride;
    task.lse = lse == nullptr ? nullptr : lse + s.begin * shape.heads + head;
    task.lse_stride = shape.heads;
    kernels<T>().attention(task);
  });
}

template <Scalar T>
void attention_backward(ThreadPool& pool, const AttentionShape<T>& shape,
                        const AttentionBackward<T>& args) {
  const auto segments = static_cast<Index>(shape.segments.size());
  // A segment's children add to its keys, so one thread does a family, in order.
  pool.for_each(segments * shape.heads, [&](Index i) {
    const Index root = i % segments;
    if (detail::segment_at(shape, root).parent >= 0) return;
    detail::attention_backward_head(shape, args, root, i / segments);
    for (Index child = root + 1; child < segments; ++child) {
      if (detail::segment_at(shape, child).parent == root) {
        detail::attention_backward_head(shape, args, child, i / segments);
      }
    }
  });
}

#if !SOLO_HEADER_ONLY
template void attention_forward<float>(ThreadPool&, const AttentionShape<float>&, MatrixView<float>,
                                       float*);
template void attention_forward<double>(ThreadPool&, const AttentionShape<double>&,
                                        MatrixView<double>, double*);
template void attention_backward<float>(ThreadPool&, const AttentionShape<float>&,
                                        const AttentionBackward<float>&);
template void attention_backward<double>(ThreadPool&, const AttentionShape<double>&,
                                         const AttentionBackward<double>&);
#endif

}  // namespace solo::inline SOLO_ABI::ops
