// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/solo/link_scale.hpp>
#include <solo/autograd/function_support.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/ops/elementwise.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Multiplies the columns of x by γ · v into y, or adds them to it.
template <Scalar T>
void scale_by_link(Tape<T>& tape, double gamma, Parameter<T>* v,
                   const ops::ScaleColumns<T>& request) {
  const Index width = request.x.cols;
  T* const factors = tape.scratch(width);
  for (Index j = 0; j < width; ++j) {
    const double element = v == nullptr ? 1.0 : static_cast<double>(v->value().data()[j]);
    factors[j] = static_cast<T>(gamma * element);
  }
  ops::ScaleColumns<T> call = request;
  call.a = factors;
  ops::scale_columns(tape.pool(), call);
  tape.release_scratch(factors, width);
}

}  // namespace detail

template <Scalar T>
Var<T> link_scale(Tape<T>& tape, Var<T> z, const LinkScaleArgs<T>& args) {
  Parameter<T>* const v = args.v;
  Parameter<T>* const gate = args.gate;
  if (v != nullptr) detail::require_size(*v, z.cols(), "link_scale");
  if (gate != nullptr) detail::require_size(*gate, 1, "link_scale");
  const GateValue g =
      gate_value(args.kind, gate == nullptr ? 1.0 : static_cast<double>(*gate->value().data()));
  const double gamma = args.factor * g.value;
  const double gamma_slope = args.factor * g.slope;
  const bool parameters_train = detail::trains(v) || detail::trains(gate);
  const bool needed = tape.needs(z.requires_grad() || parameters_train);
  const Var<T> y = tape.create(z.rows(), z.cols(), needed);
  detail::scale_by_link<T>(tape, gamma, v, {.x = z.value(), .y = y.value()});
  if (!needed) return y;
  if (parameters_train) tape.keep(z);
  tape.record(y, [z, y, v, gate, gamma, gamma_slope, parameters_train](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    if (z.requires_grad()) {
      detail::scale_by_link<T>(t, gamma, v, {.x = dy, .y = t.grad(z), .accumulate = true});
    }
    if (!parameters_train) return;
    const Index width = dy.cols;
    T* const products = t.scratch(width);  // per column, Σ_rows dy ⊙ z
    std::fill_n(products, width, T{});
    ops::add_column_products<T>(t.pool(), dy, z.value(), products);
    if (detail::trains(gate)) {
      double sum = 0.0;
      for (Index j = 0; j < width; ++j) {
        const double element = v == nullptr ? 1.0 : static_cast<double>(v->value().data()[j]);
        sum += element * static_cast<double>(products[j]);
      }
      *gate->grad().data() += static_cast<T>(gamma_slope * sum);
    }
    if (detail::trains(v)) {
      T* const dv = v->grad().data();
      for (Index j = 0; j < width; ++j) dv[j] += static_cast<T>(gamma) * products[j];
    }
    t.release_scratch(products, width);
  });
  return y;
}

#if !SOLO_HEADER_ONLY
template Var<float> link_scale<float>(Tape<float>&, Var<float>, const LinkScaleArgs<float>&);
template Var<double> link_scale<double>(Tape<double>&, Var<double>, const LinkScaleArgs<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
