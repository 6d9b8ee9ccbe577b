// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/eigen.hpp>
#include <solo/core/tensor.hpp>
#include <solo/kernels/gemm.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The operand's elements as T in row-major order, copied to the buffer.
template <Scalar T>
void copy_operand(const Operand<T>& from, T* to) {
  for (Index i = 0; i < from.rows; ++i) {
    for (Index j = 0; j < from.cols; ++j) {
      const Index at = i * from.row_stride + j * from.col_stride;
      *to++ = from.data != nullptr ? from.data[at] : static_cast<T>(to_float(from.half[at]));
    }
  }
}

}  // namespace detail

template <Scalar T>
void gemm(ThreadPool& pool, const Gemm<T>& args) {
  thread_local AlignedBuffer<T> a_copy;
  thread_local AlignedBuffer<T> b_copy;
  const Index rows = args.a.rows;
  const Index depth = args.a.cols;
  const Index cols = args.b.cols;
  a_copy.reserve(rows * depth);
  b_copy.reserve(depth * cols);
  detail::copy_operand(args.a, a_copy.data());
  detail::copy_operand(args.b, b_copy.data());
  const ConstMatrixView<T> a(a_copy.data(), rows, depth);
  const ConstMatrixView<T> b(b_copy.data(), depth, cols);
  constexpr Index kChunk = 64;
  pool.for_each((rows + kChunk - 1) / kChunk, [&](Index chunk) {
    // Row by row: Eigen's product kernels round differently for other row counts.
    for (Index i = chunk * kChunk; i < std::min(rows, (chunk + 1) * kChunk); ++i) {
      auto c = as_eigen(args.c.middle_rows(i, 1));
      if (!args.accumulate) c.setZero();
      for (Index k = 0; k < depth; ++k) c += a(i, k) * as_eigen(b.middle_rows(k, 1));
    }
  });
}

#if !SOLO_HEADER_ONLY
template void gemm<float>(ThreadPool&, const Gemm<float>&);
template void gemm<double>(ThreadPool&, const Gemm<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
