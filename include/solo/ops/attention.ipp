// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/ops/attention.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

/// A run of consecutive keys and values of one head: row r's are at keys + r · stride and values +
/// r · stride.
template <Scalar T>
struct KeyRun {
  const T* keys = nullptr;
  const T* values = nullptr;
  Index stride = 0;
  Index value_stride = 0;
  Index length = 0;
};

/// The keys of one (segment, head), in order: past or parent, then own.
template <Scalar T>
struct KeyRuns {
  KeyRun<T> before;
  KeyRun<T> own;

  KeyRuns(const AttentionShape<T>& shape, Index segment, Index head) {
    const Index dim = shape.qkv.cols / 3 / shape.heads;
    const Segment& s = shape.segments[static_cast<std::size_t>(segment)];
    own = batch_run(shape, s, head, dim);
    if (s.parent >= 0) {
      before = batch_run(shape, shape.segments[static_cast<std::size_t>(s.parent)], head, dim);
    } else if (!shape.past.empty()) {
      const PastKeyValues<T>& past = shape.past[static_cast<std::size_t>(segment)];
      before = {past.keys.data + head * dim, past.values.data + head * dim, past.keys.stride,
                past.values.stride, past.keys.rows};
    }
  }

  static KeyRun<T> batch_run(const AttentionShape<T>& shape, const Segment& s, Index head,
                             Index dim) {
    const Index width = shape.qkv.cols / 3;
    const T* row = shape.qkv.row(s.begin) + head * dim;
    return {row + width, row + 2 * width, shape.qkv.stride, shape.qkv.stride, s.length};
  }
};

template <Scalar T>
T dot(const T* a, const T* b, Index n) {
  T sum{0};
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}
template <Scalar T>
void axpy(T a, const T* x, T* y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += a * x[i];
}

/// 0 or 1 / (1 − p): what attention dropout multiplies weight `key` of (row, head) by.
template <Scalar T>
T keep_factor(const AttentionShape<T>& shape, Index row, Index head, Index key) {
  if (shape.dropout == 0.0) return T{1};
  const auto number = static_cast<std::uint64_t>(row * shape.heads + head) * 16777216U +
                      static_cast<std::uint64_t>(key);
  const bool kept = shape.random.uniform(number) >= static_cast<float>(shape.dropout);
  return kept ? static_cast<T>(1.0 / (1.0 - shape.dropout)) : T{0};
}

template <Scalar T>
void attention_forward_head(const AttentionShape<T>& shape, Index segment, Index head,
                            MatrixView<T> out, T* lse) {
  thread_local AlignedBuffer<T> scratch;
  const Index dim = out.cols / shape.heads;
  const Segment& s = shape.segments[static_cast<std::size_t>(segment)];
  const KeyRuns<T> runs(shape, segment, head);
  const Index before = runs.before.length;
  const T scale = static_cast<T>(shape.scale);
  scratch.reserve(before + s.length);
  T* w = scratch.data();
  for (Index i = 0; i < s.length; ++i) {
    const Index row = s.begin + i;
    const T* q = shape.qkv.row(row) + head * dim;
    const Index keys = before + i + 1;
    for (Index j = 0; j < before; ++j) {
      w[j] = scale * dot(q, runs.before.keys + j * runs.before.stride, dim);
    }
    for (Index j = 0; j <= i; ++j) {
      w[before + j] = scale * dot(q, runs.own.keys + j * runs.own.stride, dim);
    }
    T top = w[0];
    for (Index j = 1; j < keys; ++j) top = std::max(top, w[j]);
    T sum{0};
    for (Index j = 0; j < keys; ++j) sum += (w[j] = std::exp(w[j] - top));
    T* o = out.row(row) + head * dim;
    std::fill_n(o, dim, T{0});
    for (Index j = 0; j < keys; ++j) {
      const T weight = w[j] / sum * keep_factor(shape, row, head, j);
      const T* v = j < before ? runs.before.values + j * runs.before.value_stride
                              : runs.own.values + (j - before) * runs.own.value_stride;
      axpy(weight, v, o, dim);
    }
    if (lse != nullptr) lse[row * shape.heads + head] = top + std::log(sum);
  }
}

/// Backward of one (segment, head): touches the gradients of its own rows and of its parent's keys
/// and values.
template <Scalar T>
void attention_backward_head(const AttentionShape<T>& shape, const AttentionBackward<T>& args,
                             Index segment, Index head) {
  const Index width = shape.qkv.cols / 3;
  const Index dim = width / shape.heads;
  const Segment& s = shape.segments[static_cast<std::size_t>(segment)];
  const Segment* parent =
      s.parent < 0 ? nullptr : &shape.segments[static_cast<std::size_t>(s.parent)];
  const Index before = parent == nullptr ? 0 : parent->length;
  const T scale = static_cast<T>(shape.scale);
  for (Index i = 0; i < s.length; ++i) {
    const Index row = s.begin + i;
    const T* q = shape.qkv.row(row) + head * dim;
    const T* dout = args.dout.row(row) + head * dim;
    const T lse = args.lse[row * shape.heads + head];
    const T mean = dot(dout, args.out.row(row) + head * dim, dim);
    T* dq = args.dqkv.row(row) + head * dim;
    for (Index j = 0; j < before + i + 1; ++j) {
      const Index key_row = j < before ? parent->begin + j : s.begin + j - before;
      const T* k = shape.qkv.row(key_row) + width + head * dim;
      T* dk = args.dqkv.row(key_row) + width + head * dim;
      const T keep = keep_factor(shape, row, head, j);
      const T w = std::exp(scale * dot(q, k, dim) - lse);
      const T ds = scale * w * (keep * dot(dout, k + width, dim) - mean);
      axpy(ds, k, dq, dim);
      axpy(ds, q, dk, dim);
      axpy(w * keep, dout, dk + width, dim);
    }
  }
}

}  // namespace detail

template <Scalar T>
void attention_forward(ThreadPool& pool, const AttentionShape<T>& shape, MatrixView<T> out,
                       T* lse) {
  const auto segments = static_cast<Index>(shape.segments.size());
  // Heads vary slowest, so equal ranges are equal work whatever the segments' lengths.
  pool.for_each(segments * shape.heads, [&](Index task) {
    detail::attention_forward_head(shape, task % segments, task / segments, out, lse);
  });
}

template <Scalar T>
void attention_backward(ThreadPool& pool, const AttentionShape<T>& shape,
                        const AttentionBackward<T>& args) {
  const auto segments = static_cast<Index>(shape.segments.size());
  // One head's segments stay on one thread, in order: children add to their parent's keys.
  pool.for_each(shape.heads, [&](Index head) {
    for (Index s = 0; s < segments; ++s) {
      detail::attention_backward_head(shape, args, s, head);
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
