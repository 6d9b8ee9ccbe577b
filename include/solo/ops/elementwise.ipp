// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/elementwise.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
T sigmoid(T x) {
  return T{1} / (T{1} + std::exp(-x));
}

template <Scalar T>
T activation(Activation f, T x) {
  switch (f) {
    case Activation::identity:
    case Activation::gelu_new:  // has a kernel of its own
      return x;
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
    case Activation::gelu_new:  // has a kernel of its own
      return T{1};
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

/// f(i) for every row; threads share the rows.
template <class F>
void for_each_row(ThreadPool& pool, Index rows, Index cols, const F& f) {
  solo::detail::for_rows(pool, rows, cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) f(i);
  });
}

}  // namespace detail

template <Scalar T>
void activation_forward(ThreadPool& pool, Activation f, ConstMatrixView<T> x, MatrixView<T> y) {
  const KernelTable<T>& table = kernels<T>();
  detail::for_each_row(pool, x.rows, x.cols, [&](Index i) {
    if (f == Activation::gelu_new) {
      table.gelu_new(x.cols, x.row(i), y.row(i));
    } else {
      for (Index j = 0; j < x.cols; ++j) y(i, j) = detail::activation(f, x(i, j));
    }
  });
}

template <Scalar T>
void activation_backward(ThreadPool& pool, const ActivationBackward<T>& args) {
  const KernelTable<T>& table = kernels<T>();
  detail::for_each_row(pool, args.x.rows, args.x.cols, [&](Index i) {
    if (args.f == Activation::gelu_new) {
      table.gelu_new_backward(args.x.cols, args.x.row(i), args.dy.row(i), args.dx.row(i),
                              args.accumulate);
    } else {
      for (Index j = 0; j < args.x.cols; ++j) {
        const T dx = detail::activation_slope(args.f, args.x(i, j)) * args.dy(i, j);
        args.dx(i, j) = args.accumulate ? args.dx(i, j) + dx : dx;
      }
    }
  });
}

template <Scalar T>
void dropout(ThreadPool& pool, const Dropout<T>& args) {
  const KernelTable<T>& table = kernels<T>();
  const solo::detail::DropoutRule rule(args.p, args.random);
  detail::for_each_row(pool, args.x.rows, args.x.cols, [&](Index i) {
    const Index number = args.numbers == nullptr ? i : args.numbers[i];
    table.dropout(args.x.cols, args.x.row(i), args.y.row(i), rule,
                  static_cast<std::uint64_t>(number * args.x.cols), args.accumulate);
  });
}

template <Scalar T>
void add_scaled(ThreadPool& pool, T a, ConstMatrixView<T> x, MatrixView<T> y) {
  const KernelTable<T>& table = kernels<T>();
  detail::for_each_row(pool, x.rows, x.cols,
                       [&](Index i) { table.add_scaled(x.cols, a, x.row(i), y.row(i)); });
}

template <Scalar T>
void scale_columns(ThreadPool& pool, const ScaleColumns<T>& args) {
  const KernelTable<T>& table = kernels<T>();
  detail::for_each_row(pool, args.x.rows, args.x.cols, [&](Index i) {
    table.multiply(args.x.cols, args.a, args.x.row(i), args.y.row(i), args.accumulate);
  });
}

template <Scalar T>
void add_column_products(ThreadPool& pool, ConstMatrixView<T> x, ConstMatrixView<T> y, T* out) {
  const KernelTable<T>& table = kernels<T>();
  solo::detail::for_rows(pool, x.cols, x.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < x.rows; ++i) {
      table.multiply(end - begin, x.row(i) + begin, y.row(i) + begin, out + begin, true);
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
