// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/embedding.hpp>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

/// out[j] = table(row, j), or += with `add`.
template <Scalar T, bool add>
void copy_row(const Operand<T>& table, Index row, Index cols, T* out) {
  const Index start = row * table.row_stride;
  for (Index j = 0; j < cols; ++j) {
    const Index at = start + j * table.col_stride;
    const T value =
        table.data != nullptr ? table.data[at] : static_cast<T>(to_float(table.half[at]));
    out[j] = add ? out[j] + value : value;
  }
}

}  // namespace detail

template <Scalar T>
void embedding_forward(ThreadPool& pool, const EmbeddingForward<T>& args) {
  solo::detail::for_rows(pool, args.out.rows, args.out.cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      detail::copy_row<T, false>(args.wte, args.ids[at], args.out.cols, args.out.row(i));
      detail::copy_row<T, true>(args.wpe, args.positions[at], args.out.cols, args.out.row(i));
    }
  });
}

template <Scalar T>
void embedding_backward(ThreadPool& pool, std::span<const Index> ids, ConstMatrixView<T> dy,
                        MatrixView<T> table_grad) {
  const KernelTable<T>& table = kernels<T>();
  solo::detail::for_rows(pool, dy.cols, dy.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < dy.rows; ++i) {
      T* to = table_grad.row(ids[static_cast<std::size_t>(i)]);
      table.add_scaled(end - begin, T{1}, dy.row(i) + begin, to + begin);
    }
  });
}

#if !SOLO_HEADER_ONLY
template void embedding_forward<float>(ThreadPool&, const EmbeddingForward<float>&);
template void embedding_forward<double>(ThreadPool&, const EmbeddingForward<double>&);
template void embedding_backward<float>(ThreadPool&, std::span<const Index>, ConstMatrixView<float>,
                                        MatrixView<float>);
template void embedding_backward<double>(ThreadPool&, std::span<const Index>,
                                         ConstMatrixView<double>, MatrixView<double>);
#endif

}  // namespace solo::inline SOLO_ABI::ops
