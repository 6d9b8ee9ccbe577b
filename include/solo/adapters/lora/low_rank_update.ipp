// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/low_rank_update.hpp>
#include <solo/core/error.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/ops/elementwise.hpp>
#include <solo/ops/linear.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void low_rank_update(Tape<T>& tape, Var<T> x, Var<T> y, const LowRankArgs<T>& args) {
  detail::check_low_rank(args, x.cols(), y.cols());
  if (tape.is_kept(y)) {
    fail<ConfigError>("tape.in_place", "low_rank_update: a backward step needs the old value");
  }
  const detail::LowRank<T> update(tape, args, x.rows());
  Parameter<T>* const bias = args.bias;
  const bool needed = tape.needs(x.requires_grad() || update.trains_factors() ||
                                 (bias != nullptr && bias->requires_grad()));
  const MatrixView<T> p(tape.scratch(checked_product(x.rows(), update.total_rank())), x.rows(),
                        update.total_rank());
  update.with_input(tape, x.value(),
                    [&](ConstMatrixView<T> input) { update.project(tape.pool(), input, p); });
  update.expand(tape.pool(), p, y.value());
  if (bias != nullptr) {
    const T* const add = bias->value().data();
    const MatrixView<T> out = y.value();
    detail::for_rows(tape.pool(), out.rows, out.cols, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        for (Index j = 0; j < out.cols; ++j) out(i, j) += update.scale() * add[j];
      }
    });
  }
  if (!needed) {
    tape.release_scratch(p.data, p.rows * p.cols);
    return;
  }
  if (args.a->requires_grad()) tape.keep_restorable(x);
  tape.record_in_place(y, [x, y, p, update, bias](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    const ConstMatrixView<T> input =
        update.args.a->requires_grad() ? ConstMatrixView<T>(t.restored(x)) : ConstMatrixView<T>{};
    if (update.drops && x.requires_grad()) {
      const detail::TapeScratch<T> dx(t, x.rows(), x.cols());
      std::fill_n(dx.view().data, x.rows() * x.cols(), T{});
      update.backward(t, input, dy, p, dx.view());
      update.drop(t.pool(), dx.view(), t.grad(x), true);
    } else {
      update.backward(t, input, dy, p, x.requires_grad() ? t.grad(x) : MatrixView<T>{});
    }
    if (bias != nullptr && bias->requires_grad()) {
      const detail::TapeScratch<T> sums(t, 1, dy.cols);
      std::fill_n(sums.view().data, dy.cols, T{});
      ops::add_column_sums<T>(t.pool(), dy, sums.view().data);
      ops::add_scaled<T>(t.pool(), update.scale(), sums.view(), bias->grad().matrix());
    }
    t.release_scratch(p.data, p.rows * p.cols);
  });
}

#if !SOLO_HEADER_ONLY
template void low_rank_update<float>(Tape<float>&, Var<float>, Var<float>,
                                     const LowRankArgs<float>&);
template void low_rank_update<double>(Tape<double>&, Var<double>, Var<double>,
                                      const LowRankArgs<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
