// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/solo/causal_taps.hpp>
#include <solo/autograd/function_support.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// y += e ⊙ x.
template <Scalar T>
void add_products(const T* e, const T* x, T* y, Index count) {
  for (Index j = 0; j < count; ++j) y[j] += e[j] * x[j];
}

/// The row of `matrix` that lies `back` rows before row `row` of segment s, in its parent if need
/// be; null before the beginning.
template <class Matrix>
[[nodiscard]] auto row_before(const Matrix& matrix, std::span<const Segment> segments,
                              const Segment& s, Index row, Index back) {
  if (row >= back) return matrix.row(s.begin + row - back);
  if (s.parent >= 0) {
    const Segment& parent = segments[static_cast<std::size_t>(s.parent)];
    const Index from_end = back - row;
    if (from_end <= parent.length) return matrix.row(parent.begin + parent.length - from_end);
  }
  return decltype(matrix.row(0))(nullptr);
}

template <Scalar T>
void taps_forward(const CausalTapsArgs<T>& args, ConstMatrixView<T> x, MatrixView<T> y) {
  const Index width = x.cols;
  const T* const e = args.later->value().data();
  const Index history = args.later->shape()[0];
  for (std::size_t i = 0; i < args.segments.size(); ++i) {
    const Segment& s = args.segments[i];
    const T* const before = args.histories.empty() ? nullptr : args.histories[i].before;
    for (Index row = 0; row < s.length; ++row) {
      T* const out = y.row(s.begin + row);
      const T* const in = x.row(s.begin + row);
      if (args.first == nullptr) {
        std::copy_n(in, width, out);
      } else {
        const T* const e0 = args.first->value().data();
        for (Index j = 0; j < width; ++j) out[j] = e0[j] * in[j];
      }
      for (Index back = 1; back <= std::min(history, s.position + row); ++back) {
        const T* source = row_before(x, args.segments, s, row, back);
        if (source == nullptr && before != nullptr)
          source = before + (history + row - back) * width;
        if (source != nullptr) add_products(e + (back - 1) * width, source, out, width);
      }
    }
  }
}

/// What follows each segment of its sequence sees as the rows before it.
template <Scalar T>
void keep_histories(const CausalTapsArgs<T>& args, ConstMatrixView<T> x) {
  const Index history = args.later->shape()[0];
  for (std::size_t i = 0; i < args.histories.size(); ++i) {
    const Segment& s = args.segments[i];
    for (Index k = 0; k < history; ++k) {
      const Index row = s.length - history + k;
      const T* const from =
          row >= 0 ? x.row(s.begin + row) : args.histories[i].before + (history + row) * x.cols;
      std::copy_n(from, x.cols, args.histories[i].after + k * x.cols);
    }
  }
}

template <Scalar T>
void taps_backward(const CausalTapsArgs<T>& args, ConstMatrixView<T> x, ConstMatrixView<T> dy,
                   MatrixView<T> dx) {
  const Index width = dy.cols;
  const T* const e = args.later->value().data();
  T* const de = grad_or_null(args.later);
  T* const de0 = grad_or_null(args.first);
  for (const Segment& s : args.segments) {
    for (Index row = 0; row < s.length; ++row) {
      const T* const d = dy.row(s.begin + row);
      if (de0 != nullptr) add_products(x.row(s.begin + row), d, de0, width);
      if (dx.data != nullptr) {
        T* const out = dx.row(s.begin + row);
        if (args.first == nullptr) {
          for (Index j = 0; j < width; ++j) out[j] += d[j];
        } else {
          add_products(args.first->value().data(), d, out, width);
        }
      }
      for (Index back = 1; back <= std::min(args.later->shape()[0], s.position + row); ++back) {
        const Index tap = (back - 1) * width;
        if (de != nullptr) {
          const T* const source = row_before(x, args.segments, s, row, back);
          if (source != nullptr) add_products(source, d, de + tap, width);
        }
        if (dx.data != nullptr) {
          T* const out = row_before(dx, args.segments, s, row, back);
          if (out != nullptr) add_products(e + tap, d, out, width);
        }
      }
    }
  }
}

}  // namespace detail

template <Scalar T>
Var<T> causal_taps(Tape<T>& tape, Var<T> x, const CausalTapsArgs<T>& args) {
  const Parameter<T>& later = detail::require_parameter(args.later, "causal_taps");
  const Index history = later.shape().size() == 2 ? later.shape()[0] : 0;
  detail::require_size(later, checked_product(std::max<Index>(history, 1), x.cols()),
                       "causal_taps");
  if (args.first != nullptr) detail::require_size(*args.first, x.cols(), "causal_taps");
  require_segments(args.segments, x.rows());
  const bool parameters_train = detail::trains(args.first) || detail::trains(args.later);
  const bool needed = tape.needs(x.requires_grad() || parameters_train);
  if (!args.histories.empty() && (needed || args.histories.size() != args.segments.size())) {
    fail<ShapeError>("shape.mismatch", "causal_taps: ", args.histories.size(), " histories for ",
                     args.segments.size(), " segments of a pass that is ",
                     needed ? "recorded" : "not recorded");
  }
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  detail::taps_forward<T>(args, x.value(), y.value());
  detail::keep_histories<T>(args, x.value());
  if (!needed) return y;
  if (parameters_train) tape.keep(x);
  CausalTapsArgs<T> kept = args;
  kept.segments = detail::stored(tape, args.segments);
  tape.record(y, [x, y, kept, parameters_train](Tape<T>& t) {
    detail::taps_backward<T>(kept, parameters_train ? x.value() : MatrixView<T>{}, t.grad(y),
                             detail::grad_or_empty(t, x));
  });
  return y;
}

#if !SOLO_HEADER_ONLY
template Var<float> causal_taps<float>(Tape<float>&, Var<float>, const CausalTapsArgs<float>&);
template Var<double> causal_taps<double>(Tape<double>&, Var<double>, const CausalTapsArgs<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
