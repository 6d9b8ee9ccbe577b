// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/dora_update.hpp>
#include <solo/core/error.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/ops/elementwise.hpp>
#include <solo/ops/linear.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void column_norms(ThreadPool& pool, const ColumnNorms<T>& args) {
  const Index in = args.weight.rows;
  const Index out = args.weight.cols;
  const auto s = static_cast<T>(args.scale);
  AlignedBuffer<T> own_block(args.block == nullptr ? checked_product(kNormRows, out) : 0);
  AlignedBuffer<double> own_sums(args.sums == nullptr ? out : 0);
  T* const block = args.block == nullptr ? own_block.data() : args.block;
  double* const sums = args.sums == nullptr ? own_sums.data() : args.sums;
  std::fill_n(sums, out, 0.0);
  for (Index first = 0; first < in; first += kNormRows) {
    const Index count = std::min(kNormRows, in - first);
    const MatrixView<T> delta(block, count, out);
    gemm<T>(pool, {.a = Operand<T>(args.a.middle_cols(first, count)).transposed(),
                   .b = Operand<T>(args.b).transposed(),
                   .c = delta});
    detail::for_rows(pool, out, count, [&](Index begin, Index end) {
      for (Index i = 0; i < count; ++i) {
        for (Index j = begin; j < end; j += kPackedCols) {
          std::array<T, kPackedCols> w = {};
          const Index n = std::min(kPackedCols, end - j);
          args.weight.copy_row(first + i, j, n, w.data());
          for (Index c = 0; c < n; ++c) {
            const auto v =
                static_cast<double>(w[static_cast<std::size_t>(c)] + s * delta(i, j + c));
            sums[j + c] += v * v;
          }
        }
      }
    });
  }
  for (Index j = 0; j < out; ++j) {
    args.norms[j] = static_cast<T>(std::sqrt(sums[j]));
  }
}

namespace detail {

/// A weight-decomposed update between its passes.
template <Scalar T>
struct Dora {
  LowRank<T> update;
  DoraBase<T> base;
  const T* norms = nullptr;   ///< n
  const T* factor = nullptr;  ///< c = m / n
  MatrixView<T> p;            ///< s · drop(x) Aᵀ
  MatrixView<T> z;            ///< drop(x) V

  /// Gradient of m: Σ_i dy ⊙ z / n.
  void add_magnitude_gradient(Tape<T>& tape, ConstMatrixView<T> dy) const {
    if (!base.magnitude->requires_grad()) return;
    const TapeScratch<T> sums(tape, 1, dy.cols);
    T* const sum = sums.view().data;
    std::fill_n(sum, dy.cols, T{});
    ops::add_column_products<T>(tape.pool(), dy, z, sum);
    T* const gradient = base.magnitude->grad().data();
    for (Index j = 0; j < dy.cols; ++j) gradient[j] += sum[j] / norms[j];
  }

  /// Without dropout: out = b + c ⊙ z; y's memory holds z = y − b + p Bᵀ.
  void backward(Tape<T>& tape, Var<T> x, Var<T> y, Var<T> out) const {
    const MatrixView<T> dout = tape.grad(out);
    add_magnitude_gradient(tape, dout);
    // y's gradient becomes dz; nothing else reads y.
    const MatrixView<T> dz = tape.grad(y);
    ops::scale_columns<T>(tape.pool(), {.x = dout, .a = factor, .y = dz, .accumulate = true});
    Parameter<T>* const bias = base.bias;
    if (bias != nullptr && bias->requires_grad()) {
      // y gives its share of the bias's gradient itself: Σ dz of Σ dout.
      ops::add_column_sums<T>(tape.pool(), dout, bias->grad().data());
      const TapeScratch<T> sums(tape, 1, dz.cols);
      std::fill_n(sums.view().data, dz.cols, T{});
      ops::add_column_sums<T>(tape.pool(), dz, sums.view().data);
      ops::add_scaled<T>(tape.pool(), T{-1}, sums.view(), bias->grad().matrix());
    }
    update.backward(tape, tape.restored(x), dz, p,
                    x.requires_grad() ? tape.grad(x) : MatrixView<T>{});
  }

  /// With dropout: out = y + c ⊙ z − drop(x) W in y's memory.
  void backward_dropped(Tape<T>& tape, Var<T> x, Var<T> y) const {
    ThreadPool& pool = tape.pool();
    const MatrixView<T> dy = tape.grad(y);
    add_magnitude_gradient(tape, dy);
    const TapeScratch<T> dz(tape, dy.rows, dy.cols);
    ops::scale_columns<T>(pool, {.x = dy, .a = factor, .y = dz.view()});
    const TapeScratch<T> dx(tape, x.rows(), x.cols());
    std::fill_n(dx.view().data, x.rows() * x.cols(), T{});
    update.backward(tape, tape.restored(x), dz.view(), p,
                    x.requires_grad() ? dx.view() : MatrixView<T>{});
    if (!x.requires_grad()) return;
    ops::add_scaled<T>(pool, T{-1}, dy, dz.view());  // (c − 1) ⊙ dy
    gemm<T>(pool, {.a = dz.view(),
                   .b = base.weight->operand().transposed(),
                   .c = dx.view(),
                   .accumulate = true});
    update.drop(pool, dx.view(), tape.grad(x), true);
  }
};

template <Scalar T>
[[nodiscard]] Dora<T> start_dora(Tape<T>& tape, Var<T> x, Index out, const LowRankArgs<T>& args,
                                 const DoraBase<T>& base) {
  Dora<T> dora{LowRank<T>(tape, args, x.rows()), base, nullptr, nullptr, {}, {}};
  T* const norms = tape.scratch(out);
  T* const factor = tape.scratch(out);
  {
    const TapeScratch<T> block(tape, kNormRows, out);
    double* const sums = tape.template scratch<double>(out);
    column_norms<T>(tape.pool(), {.weight = base.weight->operand(),
                                  .a = std::as_const(*args.a).value().matrix(),
                                  .b = std::as_const(*args.b).value().matrix(),
                                  .scale = args.scale,
                                  .norms = norms,
                                  .block = block.view().data,
                                  .sums = sums});
    tape.template release_scratch<double>(sums, out);
  }
  const T* const magnitude = base.magnitude->value().data();
  for (Index j = 0; j < out; ++j) {
    if (norms[j] == T{}) {
      fail<NumericError>("numeric.dora", base.magnitude->name(), ": output ", j,
                         " of the weight and its update is all zeros");
    }
    factor[j] = magnitude[j] / norms[j];
  }
  dora.norms = norms;
  dora.factor = factor;
  const Index rank = dora.update.total_rank();
  dora.p = {tape.scratch(checked_product(x.rows(), rank)), x.rows(), rank};
  return dora;
}

/// out = y + (c − 1) ⊙ e + c ⊙ u and z = e + u, e = drop(x) W; out and z may be y and e or u.
template <Scalar T>
struct DoraSum {
  ConstMatrixView<T> y = {};
  ConstMatrixView<T> e = {};
  ConstMatrixView<T> u = {};
  const T* bias = nullptr;  ///< if not null: e − bias stands for e
  const T* factor = nullptr;
  MatrixView<T> out = {};
  MatrixView<T> z = {};
};
template <Scalar T>
void dora_sum(ThreadPool& pool, const DoraSum<T>& args) {
  for_rows(pool, args.y.rows, args.y.cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      for (Index j = 0; j < args.y.cols; ++j) {
        // Exactly y when c is 1 and u is 0, as a new adapter has it.
        const T y = args.y(i, j);
        const T e = args.e(i, j) - (args.bias == nullptr ? T{} : args.bias[j]);
        const T u = args.u(i, j);
        const T c = args.factor[j];
        args.out(i, j) = y + (c - T{1}) * e + c * u;
        args.z(i, j) = e + u;
      }
    }
  });
}

/// The result in a new matrix, z in y's memory; y − b is x W.
template <Scalar T>
[[nodiscard]] Var<T> dora_plain(Tape<T>& tape, Var<T> x, Var<T> y, Dora<T> dora, bool needed) {
  ThreadPool& pool = tape.pool();
  const Var<T> out = tape.create(y.rows(), y.cols(), needed);
  std::fill_n(out.value().data, y.rows() * y.cols(), T{});
  dora.update.project(pool, x.value(), dora.p);
  dora.update.expand(pool, dora.p, out.value());
  dora_sum<T>(pool, {.y = y.value(),
                     .e = y.value(),
                     .u = out.value(),
                     .bias = dora.base.bias == nullptr ? nullptr : dora.base.bias->value().data(),
                     .factor = dora.factor,
                     .out = out.value(),
                     .z = y.value()});
  if (!needed) {
    tape.release_scratch(dora.p.data, dora.p.rows * dora.p.cols);
    return out;
  }
  dora.z = y.value();
  tape.keep_restorable(x);
  tape.keep(y);
  tape.record(out, [x, y, out, dora](Tape<T>& t) { dora.backward(t, x, y, out); });
  return out;
}

/// The result in y's memory.
template <Scalar T>
void dora_dropped(Tape<T>& tape, Var<T> x, Var<T> y, Dora<T> dora, bool needed) {
  ThreadPool& pool = tape.pool();
  const MatrixView<T> out = y.value();
  const MatrixView<T> z(tape.scratch(checked_product(out.rows, out.cols)), out.rows, out.cols);
  const TapeScratch<T> u(tape, out.rows, out.cols);
  std::fill_n(u.view().data, out.rows * out.cols, T{});
  dora.update.with_input(tape, x.value(), [&](ConstMatrixView<T> input) {
    gemm<T>(pool, {.a = input, .b = dora.base.weight->operand(), .c = z});
    dora.update.project(pool, input, dora.p);
  });
  dora.update.expand(pool, dora.p, u.view());
  dora_sum<T>(pool, {.y = out, .e = z, .u = u.view(), .factor = dora.factor, .out = out, .z = z});
  if (!needed) {
    tape.release_scratch(z.data, z.rows * z.cols);
    tape.release_scratch(dora.p.data, dora.p.rows * dora.p.cols);
    return;
  }
  dora.z = z;
  tape.keep_restorable(x);
  tape.record_in_place(y, [x, y, dora](Tape<T>& t) { dora.backward_dropped(t, x, y); });
}

}  // namespace detail

template <Scalar T>
Var<T> dora_update(Tape<T>& tape, Var<T> x, Var<T> y, const LowRankArgs<T>& args,
                   const DoraBase<T>& base) {
  detail::check_low_rank(args, x.cols(), y.cols());
  if (base.magnitude->size() != y.cols() || args.part_count != 1) {
    fail<ShapeError>("shape.mismatch", base.magnitude->name(), " has shape ",
                     to_string(base.magnitude->shape()), ", expected ", y.cols(), " elements");
  }
  if (tape.is_kept(y)) {
    fail<ConfigError>("tape.in_place", "dora_update: a backward step needs the old value");
  }
  const detail::Dora<T> dora = detail::start_dora(tape, x, y.cols(), args, base);
  const bool bias_trains = base.bias != nullptr && base.bias->requires_grad();
  const bool needed =
      tape.needs(x.requires_grad() || y.requires_grad() || dora.update.trains_factors() ||
                 base.magnitude->requires_grad() || bias_trains);
  if (!dora.update.drops) return detail::dora_plain(tape, x, y, dora, needed);
  detail::dora_dropped(tape, x, y, dora, needed);
  return y;
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                       \
  template Var<T> dora_update<T>(Tape<T>&, Var<T>, Var<T>, const LowRankArgs<T>&, \
                                 const DoraBase<T>&);                             \
  template void column_norms<T>(ThreadPool&, const ColumnNorms<T>&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
