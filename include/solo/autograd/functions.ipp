// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/function_support.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/core/known_value.hpp>
#include <solo/ops/elementwise.hpp>
#include <solo/ops/embedding.hpp>
#include <solo/ops/linear.hpp>
#include <solo/ops/norm.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The backward step of y = f(x), and how to have y again.
template <Scalar T>
void record_activation(Tape<T>& tape, Var<T> x, Var<T> y, Activation f) {
  tape.keep(x);
  tape.set_recipe(y, [x, f](Tape<T>& t, MatrixView<T> out) {
    ops::activation_forward<T>(t.pool(), f, x.value(), out);
  });
  tape.record(y, [x, y, f](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    const bool in_place = t.move_grad(y, x);
    ops::activation_backward<T>(
        t.pool(), {.f = f, .x = x.value(), .dy = dy, .dx = t.grad(x), .accumulate = !in_place});
  });
}

/// The weight of a linear layer as (in, out).
template <Scalar T>
[[nodiscard]] Operand<T> oriented(const Parameter<T>& weight, WeightLayout layout) {
  return layout == WeightLayout::out_in ? weight.operand().transposed() : weight.operand();
}

template <Scalar T>
void linear_backward(Tape<T>& tape, Var<T> x, Var<T> y, const LinearArgs<T>& args) {
  Parameter<T>& weight = *args.weight;
  ops::LinearBackward<T> b{.dy = tape.grad(y),
                           .weight = oriented(weight, args.layout),
                           .weight_transposed = args.layout == WeightLayout::out_in,
                           .dbias = grad_or_null(args.bias)};
  if (x.requires_grad()) {
    b.dx_fresh = !tape.has_grad(x);
    b.dx = b.dx_fresh ? tape.fresh_grad(x) : tape.grad(x);
  }
  if (trains(&weight)) {
    b.x = tape.restored(x);
    b.dweight = weight.grad().matrix();
  }
  ops::linear_backward(tape.pool(), b);
  if (args.residual && args.residual.requires_grad() && !tape.move_grad(y, args.residual)) {
    ops::add_scaled<T>(tape.pool(), T{1}, tape.grad(y), tape.grad(args.residual));
  }
}

}  // namespace detail

template <Scalar T>
Var<T> linear(Tape<T>& tape, Var<T> x, const LinearArgs<T>& args) {
  Parameter<T>& weight = detail::require_parameter(args.weight, "linear");
  const Operand<T> w = detail::oriented(weight, args.layout);
  if (w.rows != x.cols()) {
    fail<ShapeError>("shape.mismatch", "linear: ", weight.name(), " has shape ",
                     to_string(weight.shape()), ", its input has ", x.cols(), " columns");
  }
  if (args.bias != nullptr) detail::require_size(*args.bias, w.cols, "linear");
  const bool adds = static_cast<bool>(args.residual);
  const bool needed =
      tape.needs(x.requires_grad() || detail::trains(&weight) || detail::trains(args.bias) ||
                 (adds && args.residual.requires_grad()));
  const Var<T> y = tape.create(x.rows(), w.cols, needed);
  if (adds) detail::require_same_shape(y, args.residual, "linear");
  const Var<T> active =
      args.gelu_new == nullptr ? Var<T>{} : tape.create(y.rows(), y.cols(), needed);
  ops::linear_forward<T>(tape.pool(), {.x = x.value(),
                                       .weight = w,
                                       .bias = detail::data_or_null(args.bias),
                                       .y = y.value(),
                                       .residual = adds ? args.residual.value() : MatrixView<T>{},
                                       .activated = active ? active.value() : MatrixView<T>{}});
  if (active) *args.gelu_new = active;
  if (!needed) return y;
  if (detail::trains(&weight)) tape.keep_restorable(x);
  tape.record(y, [x, y, args](Tape<T>& t) { detail::linear_backward(t, x, y, args); });
  if (active) detail::record_activation(tape, y, active, Activation::gelu_new);
  return y;
}

template <Scalar T>
Var<T> norm(Tape<T>& tape, Var<T> x, const NormArgs<T>& args) {
  Parameter<T>* const weight = args.weight;
  Parameter<T>* const bias = args.bias;
  if (!(is_finite(args.eps) && args.eps >= 0.0)) {
    fail<ConfigError>("config.range", "norm: eps: expected a finite number of at least 0, found ",
                      args.eps);
  }
  if (weight != nullptr) detail::require_size(*weight, x.cols(), "norm");
  if (bias != nullptr) detail::require_size(*bias, x.cols(), "norm");
  const bool needed =
      tape.needs(x.requires_grad() || detail::trains(weight) || detail::trains(bias));
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  T* const mean = needed ? tape.scratch(x.rows()) : nullptr;
  T* const rstd = needed ? tape.scratch(x.rows()) : nullptr;
  const auto forward = [x, weight, bias, mean, rstd, eps = args.eps, centered = args.centered](
                           Tape<T>& t, MatrixView<T> out) {
    ops::norm_forward<T>(t.pool(), {.x = x.value(),
                                    .weight = detail::data_or_null(weight),
                                    .bias = detail::data_or_null(bias),
                                    .eps = eps,
                                    .centered = centered,
                                    .y = out,
                                    .mean = mean,
                                    .rstd = rstd});
  };
  forward(tape, y.value());
  if (!needed) return y;
  tape.keep(x);
  tape.set_recipe(y, forward);
  tape.record(y, [x, y, weight, bias, mean, rstd, centered = args.centered](Tape<T>& t) {
    ops::norm_backward<T>(t.pool(), {.dy = t.grad(y),
                                     .x = x.value(),
                                     .weight = detail::data_or_null(weight),
                                     .mean = mean,
                                     .rstd = rstd,
                                     .centered = centered,
                                     .dx = detail::grad_or_empty(t, x),
                                     .dweight = detail::grad_or_null(weight),
                                     .dbias = detail::grad_or_null(bias)});
  });
  return y;
}

template <Scalar T>
Var<T> attention(Tape<T>& tape, Var<T> qkv, const AttentionArgs<T>& args) {
  if (args.heads < 1 || qkv.cols() % (3 * args.heads) != 0) {
    fail<ShapeError>("shape.mismatch", "attention: ", qkv.cols(), " columns do not split into 3 x ",
                     args.heads, " heads");
  }
  detail::require_dropout(args.dropout, "attention");
  const bool needed = tape.needs(qkv.requires_grad());
  ops::AttentionShape<T> shape{.qkv = qkv.value(),
                               .segments = args.segments,
                               .heads = args.heads,
                               .scale = args.scale,
                               .dropout = tape.pass().training ? args.dropout : 0.0,
                               .random = tape.random(args.site)};
  const Var<T> out = tape.create(qkv.rows(), qkv.cols() / 3, needed);
  T* const lse = needed ? tape.scratch(qkv.rows() * args.heads) : nullptr;
  ops::attention_forward(tape.pool(), shape, out.value(), lse);
  if (!needed) return out;
  tape.keep(qkv);
  shape.segments = detail::stored(tape, args.segments);
  tape.record(out, [qkv, out, lse, shape](Tape<T>& t) {
    ops::attention_backward<T>(t.pool(), shape,
                               {.dout = t.grad(out), .lse = lse, .dqkv = t.grad(qkv)});
  });
  return out;
}

template <Scalar T>
Var<T> activation(Tape<T>& tape, Var<T> x, Activation f) {
  detail::require_known("activation", f, Activation::sigmoid);
  const bool needed = tape.needs(x.requires_grad());
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  ops::activation_forward<T>(tape.pool(), f, x.value(), y.value());
  if (needed) detail::record_activation(tape, x, y, f);
  return y;
}

template <Scalar T>
Var<T> dropout(Tape<T>& tape, Var<T> x, const DropoutArgs& args) {
  detail::require_dropout(args.p, "dropout");
  if (args.p == 0.0 || !tape.pass().training) return x;
  const bool needed = tape.needs(x.requires_grad());
  const Philox random = tape.random(args.site);
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  const Index* const numbers = tape.row_numbers(x.rows());
  ops::dropout<T>(
      tape.pool(),
      {.x = x.value(), .p = args.p, .random = random, .y = y.value(), .numbers = numbers});
  if (!needed) return y;
  tape.record(y, [x, y, random, numbers, p = args.p](Tape<T>& t) {
    ops::dropout<T>(t.pool(), {.x = t.grad(y),
                               .p = p,
                               .random = random,
                               .y = t.grad(x),
                               .accumulate = true,
                               .numbers = numbers});
  });
  return y;
}

template <Scalar T>
Var<T> add(Tape<T>& tape, Var<T> a, Var<T> b) {
  detail::require_same_shape(a, b, "add");
  const bool needed = tape.needs(a.requires_grad() || b.requires_grad());
  const Var<T> y = tape.copy(a.value(), needed);
  ops::add_scaled<T>(tape.pool(), T{1}, b.value(), y.value());
  if (!needed) return y;
  tape.record(y, [a, b, y](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    if (a.requires_grad()) ops::add_scaled<T>(t.pool(), T{1}, dy, t.grad(a));
    if (b.requires_grad()) ops::add_scaled<T>(t.pool(), T{1}, dy, t.grad(b));
  });
  return y;
}

template <Scalar T>
void add_in_place(Tape<T>& tape, Var<T> y, Var<T> x) {
  detail::require_same_shape(y, x, "add_in_place");
  if (tape.is_kept(y)) {
    fail<ConfigError>("tape.in_place", "add_in_place: a backward step needs the old value");
  }
  ops::add_scaled<T>(tape.pool(), T{1}, x.value(), y.value());
  if (!tape.needs(x.requires_grad())) return;
  tape.record_in_place(
      y, [x, y](Tape<T>& t) { ops::add_scaled<T>(t.pool(), T{1}, t.grad(y), t.grad(x)); });
}

template <Scalar T>
Var<T> scale(Tape<T>& tape, Var<T> x, double c) {
  const bool needed = tape.needs(x.requires_grad());
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  std::fill_n(y.value().data, x.rows() * x.cols(), T{});
  ops::add_scaled<T>(tape.pool(), static_cast<T>(c), x.value(), y.value());
  if (!needed) return y;
  tape.record(y, [x, y, c](Tape<T>& t) {
    ops::add_scaled<T>(t.pool(), static_cast<T>(c), t.grad(y), t.grad(x));
  });
  return y;
}

template <Scalar T>
Var<T> mul(Tape<T>& tape, Var<T> x, Parameter<T>& a) {
  detail::require_size(a, x.cols(), "mul");
  const bool needed = tape.needs(x.requires_grad() || a.requires_grad());
  const Var<T> y = tape.create(x.rows(), x.cols(), needed);
  ops::scale_columns<T>(tape.pool(), {.x = x.value(), .a = a.value().data(), .y = y.value()});
  if (!needed) return y;
  if (a.requires_grad()) tape.keep(x);
  tape.record(y, [x, y, &a](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    if (a.requires_grad()) {
      ops::add_column_products<T>(t.pool(), dy, x.value(), a.grad().data());
    }
    if (x.requires_grad()) {
      ops::scale_columns<T>(t.pool(),
                            {.x = dy, .a = a.value().data(), .y = t.grad(x), .accumulate = true});
    }
  });
  return y;
}

template <Scalar T>
Var<T> mul(Tape<T>& tape, Var<T> a, Var<T> b) {
  detail::require_same_shape(a, b, "mul");
  const bool needed = tape.needs(a.requires_grad() || b.requires_grad());
  const Var<T> y = tape.create(a.rows(), a.cols(), needed);
  const Index count = a.rows() * a.cols();
  const auto multiply = [count](const T* left, const T* right, T* out, bool accumulate) {
    for (Index i = 0; i < count; ++i) out[i] = (accumulate ? out[i] : T{}) + left[i] * right[i];
  };
  multiply(a.value().data, b.value().data, y.value().data, false);
  if (!needed) return y;
  if (b.requires_grad()) tape.keep(a);
  if (a.requires_grad()) tape.keep(b);
  tape.record(y, [a, b, y, multiply](Tape<T>& t) {
    const T* const dy = t.grad(y).data;
    if (a.requires_grad()) multiply(dy, b.value().data, t.grad(a).data, true);
    if (b.requires_grad()) multiply(dy, a.value().data, t.grad(b).data, true);
  });
  return y;
}

template <Scalar T>
Var<T> rows(Tape<T>& tape, Var<T> x, std::span<const Index> indices) {
  for (const Index i : indices) {
    if (i < 0 || i >= x.rows()) {
      fail<ShapeError>("shape.mismatch", "rows: index ", i, " of a matrix of ", x.rows(), " rows");
    }
  }
  const bool needed = tape.needs(x.requires_grad());
  const Var<T> y = tape.create(static_cast<Index>(indices.size()), x.cols(), needed);
  for (Index i = 0; i < y.rows(); ++i) {
    std::copy_n(x.value().row(indices[static_cast<std::size_t>(i)]), x.cols(), y.value().row(i));
  }
  if (!needed) return y;
  const std::span<const Index> taken = detail::stored(tape, indices);
  tape.record(y, [x, y, taken](Tape<T>& t) {
    ops::embedding_backward<T>(t.pool(), taken, t.grad(y), t.grad(x));
  });
  return y;
}

template <Scalar T>
Var<T> weighted_sum(Tape<T>& tape, Var<T> x, ConstMatrixView<T> w) {
  if (x.rows() != w.rows || x.cols() != w.cols) {
    fail<ShapeError>("shape.mismatch", "weighted_sum: ", x.rows(), " x ", x.cols(), " values, ",
                     w.rows, " x ", w.cols, " weights");
  }
  detail::require_memory("weighted_sum", w);
  const bool needed = tape.needs(x.requires_grad());
  const Var<T> y = tape.create(1, 1, needed);
  double sum = 0.0;
  for (Index i = 0; i < w.rows; ++i) {
    for (Index j = 0; j < w.cols; ++j) {
      sum += static_cast<double>(x.value()(i, j)) * static_cast<double>(w(i, j));
    }
  }
  *y.value().data = static_cast<T>(sum);
  if (!needed) return y;
  const Var<T> weights = tape.copy(w);
  tape.record(y, [x, y, weights](Tape<T>& t) {
    ops::add_scaled<T>(t.pool(), *t.grad(y).data, weights.value(), t.grad(x));
  });
  return y;
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                \
  template Var<T> linear<T>(Tape<T>&, Var<T>, const LinearArgs<T>&);       \
  template Var<T> norm<T>(Tape<T>&, Var<T>, const NormArgs<T>&);           \
  template Var<T> attention<T>(Tape<T>&, Var<T>, const AttentionArgs<T>&); \
  template Var<T> activation<T>(Tape<T>&, Var<T>, Activation);             \
  template Var<T> dropout<T>(Tape<T>&, Var<T>, const DropoutArgs&);        \
  template Var<T> add<T>(Tape<T>&, Var<T>, Var<T>);                        \
  template void add_in_place<T>(Tape<T>&, Var<T>, Var<T>);                 \
  template Var<T> scale<T>(Tape<T>&, Var<T>, double);                      \
  template Var<T> mul<T>(Tape<T>&, Var<T>, Parameter<T>&);                 \
  template Var<T> mul<T>(Tape<T>&, Var<T>, Var<T>);                        \
  template Var<T> rows<T>(Tape<T>&, Var<T>, std::span<const Index>);       \
  template Var<T> weighted_sum<T>(Tape<T>&, Var<T>, ConstMatrixView<T>)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
