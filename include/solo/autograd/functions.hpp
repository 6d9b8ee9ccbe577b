// SPDX-License-Identifier: MIT
/// @file
/// Differentiable operations on tape variables. Each computes its value at once and records its
/// backward step only if something it feeds on must train. Matrices are (rows, columns); rows are
/// tokens. Every function throws ShapeError ("shape.mismatch") with both shapes when they do not
/// fit, ConfigError ("tape.released", "parameter.null") for an empty variable or a null parameter.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/activation.hpp>
#include <solo/core/segment.hpp>
#include <solo/ops/attention.hpp>

#include <span>

namespace solo::inline SOLO_ABI {

/// How a linear weight lies in memory: GPT-2's Conv1D keeps (in, out), torch.nn.Linear (out, in).
enum class WeightLayout { in_out, out_in };

/// x · W + b + residual. weight: (in, out), or (out, in) with WeightLayout::out_in; bias: (out) or
/// null; residual: (rows, out) or none. With `gelu_new` it receives a variable of its own, gelu_new
/// of the result. Both are those of add() and activation(), computed while the product is at hand.
template <Scalar T>
struct LinearArgs {
  Parameter<T>* weight = nullptr;
  Parameter<T>* bias = nullptr;
  WeightLayout layout = WeightLayout::in_out;
  Var<T> residual = {};
  Var<T>* gelu_new = nullptr;
};
template <Scalar T>
[[nodiscard]] Var<T> linear(Tape<T>& tape, Var<T> x, const LinearArgs<T>& args);

/// Layer norm with affine weight and bias (either may be null), or RMS norm with `centered` false.
template <Scalar T>
struct NormArgs {
  Parameter<T>* weight = nullptr;
  Parameter<T>* bias = nullptr;
  double eps = 1e-5;
  bool centered = true;
};
template <Scalar T>
[[nodiscard]] Var<T> norm(Tape<T>& tape, Var<T> x, const NormArgs<T>& args);

/// Causal attention of a fused q | k | v matrix (rows, 3C) over the batch's segments: (rows, C).
/// Throws ShapeError ("batch.segments") as require_segments().
template <Scalar T>
struct AttentionArgs {
  std::span<const Segment> segments = {};
  Index heads = 1;
  double scale = 1.0;
  double dropout = 0.0;
  std::uint32_t site = 0;
};
template <Scalar T>
[[nodiscard]] Var<T> attention(Tape<T>& tape, Var<T> qkv, const AttentionArgs<T>& args);

/// f(x) element by element.
template <Scalar T>
[[nodiscard]] Var<T> activation(Tape<T>& tape, Var<T> x, Activation f);
template <Scalar T>
[[nodiscard]] Var<T> tanh(Tape<T>& tape, Var<T> x) {
  return activation(tape, x, Activation::tanh);
}
template <Scalar T>
[[nodiscard]] Var<T> sigmoid(Tape<T>& tape, Var<T> x) {
  return activation(tape, x, Activation::sigmoid);
}

/// Inverted dropout in a training pass, x itself otherwise. `site` numbers the place in the model;
/// rows count as Tape::number_rows says.
struct DropoutArgs {
  double p = 0.0;
  std::uint32_t site = 0;
};
template <Scalar T>
[[nodiscard]] Var<T> dropout(Tape<T>& tape, Var<T> x, const DropoutArgs& args);

/// a + b.
template <Scalar T>
[[nodiscard]] Var<T> add(Tape<T>& tape, Var<T> a, Var<T> b);
/// y += x in place. No backward step may need the old value of y (ConfigError "tape.in_place").
template <Scalar T>
void add_in_place(Tape<T>& tape, Var<T> y, Var<T> x);
/// c · x.
template <Scalar T>
[[nodiscard]] Var<T> scale(Tape<T>& tape, Var<T> x, double c);
/// x ⊙ a, the vector a (cols) multiplying every row.
template <Scalar T>
[[nodiscard]] Var<T> mul(Tape<T>& tape, Var<T> x, Parameter<T>& a);
/// a ⊙ b, element by element.
template <Scalar T>
[[nodiscard]] Var<T> mul(Tape<T>& tape, Var<T> a, Var<T> b);
/// Rows number indices[0], indices[1], … of x.
template <Scalar T>
[[nodiscard]] Var<T> rows(Tape<T>& tape, Var<T> x, std::span<const Index> indices);
/// Σ_ij x(i, j) w(i, j) as a (1, 1) matrix: a loss for tests.
template <Scalar T>
[[nodiscard]] Var<T> weighted_sum(Tape<T>& tape, Var<T> x, ConstMatrixView<T> w);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/autograd/functions.ipp>  // IWYU pragma: keep
#endif
