// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/embedding.hpp>

namespace solo::inline SOLO_ABI::ops {

template <Scalar T>
void embedding_forward(ThreadPool& pool, const EmbeddingForward<T>& args) {
  solo::detail::for_rows(pool, args.out.rows, args.out.cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      args.wte.copy_row(args.ids[at], args.out.row(i));
      args.wpe.template copy_row<true>(args.positions[at], args.out.row(i));
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
