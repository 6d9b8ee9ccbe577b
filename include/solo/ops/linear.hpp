// SPDX-License-Identifier: MIT
/// @file
/// Affine map of rows.
#pragma once

#include <solo/kernels/gemm.hpp>

namespace solo::inline SOLO_ABI::ops {

/// y = x · W + b + residual, and activated = gelu_new(y). x: (N, in), weight: (in, out), strided or
/// packed (pass a torch (out, in) weight transposed), bias: (out) or null, y: (N, out).
template <Scalar T>
struct LinearForward {
  ConstMatrixView<T> x = {};
  Operand<T> weight = {};
  const T* bias = nullptr;
  MatrixView<T> y = {};
  ConstMatrixView<T> residual = {};  ///< (N, out) or empty
  MatrixView<T> activated = {};      ///< (N, out) or empty
};
template <Scalar T>
void linear_forward(ThreadPool& pool, const LinearForward<T>& args);

/// Accumulates dx += dy · Wᵀ (if dx.data; with `dx_fresh` dx is written for the first time),
/// dweight += xᵀ · dy (if dweight.data; with `weight_transposed` dweight is (out, in) and gets dyᵀ
/// · x), dbias += Σ_rows dy (if dbias). A frozen weight needs no x, a constant input no dx.
template <Scalar T>
struct LinearBackward {
  ConstMatrixView<T> dy = {};
  ConstMatrixView<T> x = {};
  Operand<T> weight = {};
  MatrixView<T> dx = {};
  bool dx_fresh = false;
  MatrixView<T> dweight = {};
  bool weight_transposed = false;
  T* dbias = nullptr;
};
template <Scalar T>
void linear_backward(ThreadPool& pool, const LinearBackward<T>& args);

/// out[j] += Σ_i x(i, j), summed over rows in order.
template <Scalar T>
void add_column_sums(ThreadPool& pool, ConstMatrixView<T> x, T* out);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/linear.ipp>  // IWYU pragma: keep
#endif
