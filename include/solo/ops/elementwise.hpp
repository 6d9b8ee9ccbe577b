// SPDX-License-Identifier: MIT
/// @file
/// Activations, dropout and sums, element by element.
#pragma once

#include <solo/core/activation.hpp>
#include <solo/core/parallel.hpp>
#include <solo/core/rng.hpp>
#include <solo/core/view.hpp>

namespace solo::inline SOLO_ABI::ops {

/// y = f(x); y may be x.
template <Scalar T>
void activation_forward(ThreadPool& pool, Activation f, ConstMatrixView<T> x, MatrixView<T> y);

/// dx += f'(x) ⊙ dy, or dx = f'(x) ⊙ dy, which may be dy itself.
template <Scalar T>
struct ActivationBackward {
  Activation f = Activation::identity;
  ConstMatrixView<T> x = {};
  ConstMatrixView<T> dy = {};
  MatrixView<T> dx = {};
  bool accumulate = true;
};
template <Scalar T>
void activation_backward(ThreadPool& pool, const ActivationBackward<T>& args);

/// Inverted dropout: y = x · m / (1 − p), m ~ Bernoulli(1 − p), element (i, j) decided by
/// random.uniform(n · cols + j) >= p, n = numbers[i], or i without numbers. The same call on dy
/// gives the gradient; `accumulate` adds to y.
template <Scalar T>
struct Dropout {
  ConstMatrixView<T> x = {};
  double p = 0.0;
  Philox random{0};
  MatrixView<T> y = {};
  bool accumulate = false;
  const Index* numbers = nullptr;  ///< of the rows
};
template <Scalar T>
void dropout(ThreadPool& pool, const Dropout<T>& args);

/// y += a · x.
template <Scalar T>
void add_scaled(ThreadPool& pool, T a, ConstMatrixView<T> x, MatrixView<T> y);

/// y = a ⊙ x per column (a: (C)), or y += with `accumulate`.
template <Scalar T>
struct ScaleColumns {
  ConstMatrixView<T> x = {};
  const T* a = nullptr;
  MatrixView<T> y = {};
  bool accumulate = false;
};
template <Scalar T>
void scale_columns(ThreadPool& pool, const ScaleColumns<T>& args);

/// out[j] += Σ_i x(i, j) · y(i, j), summed over rows in order.
template <Scalar T>
void add_column_products(ThreadPool& pool, ConstMatrixView<T> x, ConstMatrixView<T> y, T* out);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/elementwise.ipp>  // IWYU pragma: keep
#endif
