// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/ops/elementwise.hpp>

#include <cmath>
#include <numbers>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
T sigmoid(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <Scalar T>
struct GeluNew {
  // tanh(u) = 2σ(2u) − 1, so 0.5·x·(1 + tanh(u)) = x·σ(2u), without cancellation for x < 0.
  static constexpr T kA = static_cast<T>(2.0 * 0.79788456080286535588);  // 2·√(2/π)
  static constexpr T kB = static_cast<T>(0.044715);
  static T forward(T x) { return x * sigmoid(kA * (x + kB * x * x * x)); }
  static T slope(T x) {
    const T s = sigmoid(kA * (x + kB * x * x * x));
    return s + x * s * (T{1} - s) * kA * (T{1} + T{3} * kB * x * x);
  }
};

template <Scalar T>
T activation(Activation f, T x) {
  switch (f) {
    case Activation::identity:
      return x;
    case Activation::gelu_new:
      return GeluNew<T>::forward(x);
    case Activation::gelu:
      return x * std::erfc(-x * std::numbers::sqrt2_v<T> / 2) / 2;
    case Activation::relu:
      return x < T{0} ? T{0} : x;
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
  }
  return x;
}

template <Scalar T>
T activation_slope(Activation f, T x) {
  switch (f) {
    case Activation::identity:
      return T{1};
    case Activation::gelu_new:
      return GeluNew<T>::slope(x);
    case Activation::gelu:
      return std::erfc(-x * std::numbers::sqrt2_v<T> / 2) / 2 +
             x * std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
    case Activation::relu:
      return x > T{0} ? T{1} : T{0};
    case Activation::silu: {
      const T s = sigmoid(x);
      return s + x * s * (T{1} - s);
    }
    case Activation::tanh: {
      const T t = std::tanh(x);
      return T{1} - t * t;
    }
    case Activation::sigmoid: {
      const T s = sigmoid(x);
      return s * (T{1} - s);
    }
  }
  return T{1};
}

/// f(i, j) over all elements.
template <class F>
void for_elements(ThreadPool& pool, Index rows, Index cols, const F& f) {
  solo::detail::for_rows(pool, rows, cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      for (Index j = 0; j < cols; ++j) f(i, j);
    }
  });
}

}  // namespace detail

template <Scalar T>
void activation_forward(ThreadPool& pool, Activation f, ConstMatrixView<T> x, MatrixView<T> y) {
  detail::for_elements(pool, x.rows, x.cols,
                       [&](Index i, Index j) { y(i, j) = detail::activation(f, x(i, j)); });
}

template <Scalar T>
void activation_backward(ThreadPool& pool, const ActivationBackward<T>& args) {
  detail::for_elements(pool, args.x.rows, args.x.cols, [&](Index i, Index j) {
    args.dx(i, j) += detail::activation_slope(args.f, args.x(i, j)) * args.dy(i, j);
  });
}

template <Scalar T>
void dropout(ThreadPool& pool, const Dropout<T>& args) {
  const T keep = static_cast<T>(1.0 / (1.0 - args.p));
  const float p = static_cast<float>(args.p);
  detail::for_elements(pool, args.x.rows, args.x.cols, [&](Index i, Index j) {
    const auto number = static_cast<std::uint64_t>(i * args.x.cols + j);
    const T value = args.random.uniform(number) >= p ? args.x(i, j) * keep : T{0};
    args.y(i, j) = args.accumulate ? args.y(i, j) + value : value;
  });
}

template <Scalar T>
void add_scaled(ThreadPool& pool, T a, ConstMatrixView<T> x, MatrixView<T> y) {
  detail::for_elements(pool, x.rows, x.cols, [&](Index i, Index j) { y(i, j) += a * x(i, j); });
}

template <Scalar T>
void scale_columns(ThreadPool& pool, const ScaleColumns<T>& args) {
  detail::for_elements(pool, args.x.rows, args.x.cols, [&](Index i, Index j) {
    const T value = args.a[j] * args.x(i, j);
    args.y(i, j) = args.accumulate ? args.y(i, j) + value : value;
  });
}

template <Scalar T>
void add_column_products(ThreadPool& pool, ConstMatrixView<T> x, ConstMatrixView<T> y, T* out) {
  solo::detail::for_rows(pool, x.cols, x.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < x.rows; ++i) {
      for (Index j = begin; j < end; ++j) out[j] += x(i, j) * y(i, j);
    }
  });
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                                        \
  template void activation_forward<T>(ThreadPool&, Activation, ConstMatrixView<T>, MatrixView<T>); \
  template void activation_backward<T>(ThreadPool&, const ActivationBackward<T>&);                 \
  template void dropout<T>(ThreadPool&, const Dropout<T>&);                                        \
  template void add_scaled<T>(ThreadPool&, T, ConstMatrixView<T>, MatrixView<T>);                  \
  template void scale_columns<T>(ThreadPool&, const ScaleColumns<T>&);                             \
  template void add_column_products<T>(ThreadPool&, ConstMatrixView<T>, ConstMatrixView<T>, T*);
SOLO_INSTANTIATE(float)
SOLO_INSTANTIATE(double)
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI::ops
