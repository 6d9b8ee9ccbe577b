// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/linear.hpp>

namespace solo::inline SOLO_ABI::ops {

template <Scalar T>
void linear_forward(ThreadPool& pool, const LinearForward<T>& args) {
  gemm<T>(pool, {.a = args.x,
                 .b = args.weight,
                 .c = args.y,
                 .bias = args.bias,
                 .residual = args.residual,
                 .activated = args.activated});
}

template <Scalar T>
void linear_backward(ThreadPool& pool, const LinearBackward<T>& args) {
  if (args.dx.data != nullptr) {
    gemm<T>(
        pool,
        {.a = args.dy, .b = args.weight.transposed(), .c = args.dx, .accumulate = !args.dx_fresh});
  }
  if (args.dweight.data != nullptr) {
    const Operand<T> left = args.weight_transposed ? args.dy : args.x;
    const Operand<T> right = args.weight_transposed ? args.x : args.dy;
    gemm<T>(pool, {.a = left.transposed(), .b = right, .c = args.dweight, .accumulate = true});
  }
  if (args.dbias != nullptr) add_column_sums(pool, args.dy, args.dbias);
}

template <Scalar T>
void add_column_sums(ThreadPool& pool, ConstMatrixView<T> x, T* out) {
  const KernelTable<T>& table = kernels<T>();
  solo::detail::for_rows(pool, x.cols, x.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < x.rows; ++i) {
      table.add_scaled(end - begin, T{1}, x.row(i) + begin, out + begin);
    }
  });
}

#if !SOLO_HEADER_ONLY
template void linear_forward<float>(ThreadPool&, const LinearForward<float>&);
template void linear_forward<double>(ThreadPool&, const LinearForward<double>&);
template void linear_backward<float>(ThreadPool&, const LinearBackward<float>&);
template void linear_backward<double>(ThreadPool&, const LinearBackward<double>&);
template void add_column_sums<float>(ThreadPool&, ConstMatrixView<float>, float*);
template void add_column_sums<double>(ThreadPool&, ConstMatrixView<double>, double*);
#endif

}  // namespace solo::inline SOLO_ABI::ops
