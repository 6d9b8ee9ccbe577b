// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/norm.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI::ops {

template <Scalar T>
void norm_forward(ThreadPool& pool, const NormForward<T>& args) {
  const KernelTable<T>& table = kernels<T>();
  solo::detail::for_rows(pool, args.x.rows, args.x.cols, [&](Index begin, Index end) {
    solo::detail::NormRow<T> row{.weight = args.weight,
                                 .bias = args.bias,
                                 .eps = args.eps,
                                 .centered = args.centered,
                                 .size = args.x.cols};
    for (Index i = begin; i < end; ++i) {
      row.x = args.x.row(i);
      row.y = args.y.row(i);
      table.norm(row);
      if (args.mean != nullptr) args.mean[i] = row.mean;
      if (args.rstd != nullptr) args.rstd[i] = row.rstd;
    }
  });
}

namespace detail {

/// Row i of the backward's arguments, from column `begin` on.
template <Scalar T>
solo::detail::NormBackwardRow<T> norm_backward_row(const NormBackward<T>& args, Index i,
                                                   Index begin, Index size) {
  return {.dy = args.dy.row(i) + begin,
          .x = args.x.row(i) + begin,
          .weight = args.weight == nullptr ? nullptr : args.weight + begin,
          .mean = args.centered ? args.mean[i] : T{0},
          .rstd = args.rstd[i],
          .centered = args.centered,
          .size = size};
}

}  // namespace detail

template <Scalar T>
void norm_backward(ThreadPool& pool, const NormBackward<T>& args) {
  const KernelTable<T>& table = kernels<T>();
  if (args.dx.data != nullptr) {
    solo::detail::for_rows(pool, args.x.rows, args.x.cols, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        auto row = detail::norm_backward_row(args, i, 0, args.x.cols);
        row.dx = args.dx.row(i);
        table.norm_backward(row);
      }
    });
  }
  if (args.dweight == nullptr && args.dbias == nullptr) return;
  solo::detail::for_rows(pool, args.x.cols, args.x.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < args.x.rows; ++i) {
      auto row = detail::norm_backward_row(args, i, begin, end - begin);
      if (args.dweight != nullptr) row.dweight = args.dweight + begin;
      if (args.dbias != nullptr) row.dbias = args.dbias + begin;
      table.norm_gradients(row);
    }
  });
}

#if !SOLO_HEADER_ONLY
template void norm_forward<float>(ThreadPool&, const NormForward<float>&);
template void norm_forward<double>(ThreadPool&, const NormForward<double>&);
template void norm_backward<float>(ThreadPool&, const NormBackward<float>&);
template void norm_backward<double>(ThreadPool&, const NormBackward<double>&);
#endif

}  // namespace solo::inline SOLO_ABI::ops
