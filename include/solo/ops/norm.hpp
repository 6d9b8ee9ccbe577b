// SPDX-License-Identifier: MIT
/// @file
/// Layer norm and root-mean-square norm of rows.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/view.hpp>

namespace solo::inline SOLO_ABI::ops {

/// y = (x − mean) · rstd ⊙ weight + bias, rstd = 1/√(var + eps), biased variance, per row. weight
/// and bias (C) or null; mean and rstd (N) are written if not null (the backward needs them).
/// With `centered` false: y = x · 1/√(mean(x²) + eps) (RMS norm; mean is not used).
template <Scalar T>
struct NormForward {
  ConstMatrixView<T> x = {};
  const T* weight = nullptr;
  const T* bias = nullptr;
  double eps = 1e-5;
  bool centered = true;
  MatrixView<T> y = {};
  T* mean = nullptr;
  T* rstd = nullptr;
};
template <Scalar T>
void norm_forward(ThreadPool& pool, const NormForward<T>& args);

/// Accumulates dx (if dx.data), dweight and dbias (if not null).
template <Scalar T>
struct NormBackward {
  ConstMatrixView<T> dy = {};
  ConstMatrixView<T> x = {};
  const T* weight = nullptr;
  const T* mean = nullptr;
  const T* rstd = nullptr;
  bool centered = true;
  MatrixView<T> dx = {};
  T* dweight = nullptr;
  T* dbias = nullptr;
};
template <Scalar T>
void norm_backward(ThreadPool& pool, const NormBackward<T>& args);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/norm.ipp>  // IWYU pragma: keep
#endif
