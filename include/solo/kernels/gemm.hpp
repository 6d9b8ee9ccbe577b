// SPDX-License-Identifier: MIT
/// @file
/// Matrix product over strided operands.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/view.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {

/// A read-only operand: element (i, j) is data[i * row_stride + j * col_stride], or the same
/// element of `half` (weights stored as bfloat16) when `data` is null. One of the strides is 1.
template <Scalar T>
struct Operand {
  const T* data = nullptr;
  const bfloat16* half = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 0;
  Index col_stride = 1;

  constexpr Operand() = default;
  constexpr Operand(ConstMatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : data(view.data), rows(view.rows), cols(view.cols), row_stride(view.stride) {}
  constexpr Operand(MatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : Operand(ConstMatrixView<T>(view)) {}

  [[nodiscard]] constexpr Operand transposed() const {
    Operand t = *this;
    std::swap(t.rows, t.cols);
    std::swap(t.row_stride, t.col_stride);
    return t;
  }
};

/// c = a · b, or c += a · b. a: (M, K), b: (K, N), c: (M, N).
template <Scalar T>
struct Gemm {
  Operand<T> a = {};
  Operand<T> b = {};
  MatrixView<T> c = {};
  bool accumulate = false;
};

/// Runs the product. Each element of c is a sum over k in one fixed order, whatever M, N, the
/// element's place and the thread count: a row gives the same bits alone and in a batch.
template <Scalar T>
void gemm(ThreadPool& pool, const Gemm<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/gemm.ipp>  // IWYU pragma: keep
#endif
