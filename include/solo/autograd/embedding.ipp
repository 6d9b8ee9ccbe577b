// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/embedding.hpp>
#include <solo/autograd/function_support.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/ops/embedding.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

inline void require_ids(std::span<const int> ids, Index vocabulary) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocabulary) continue;
    fail<ShapeError>("ids.range", "token id ", ids[i], " at row ", i,
                     " is not below the vocabulary size ", vocabulary);
  }
}

template <Scalar T>
[[nodiscard]] std::span<const Index> stored_ids(Tape<T>& tape, std::span<const int> ids) {
  Index* const copy = tape.template scratch<Index>(static_cast<Index>(ids.size()));
  std::copy(ids.begin(), ids.end(), copy);
  return {copy, ids.size()};
}

}  // namespace detail

template <Scalar T>
Var<T> embedding(Tape<T>& tape, const EmbeddingArgs<T>& args) {
  Parameter<T>& wte = detail::require_parameter(args.wte, "embedding");
  Parameter<T>& wpe = detail::require_parameter(args.wpe, "embedding");
  const Operand<T> tokens = wte.operand();
  const Operand<T> places = wpe.operand();
  if (args.ids.size() != args.positions.size() || tokens.cols != places.cols) {
    fail<ShapeError>("shape.mismatch", "embedding: ", args.ids.size(), " ids, ",
                     args.positions.size(), " positions; tables of width ", tokens.cols, " and ",
                     places.cols);
  }
  detail::require_ids(args.ids, tokens.rows);
  for (std::size_t i = 0; i < args.ids.size(); ++i) {
    if (args.positions[i] < 0 || args.positions[i] >= places.rows) {
      fail<ShapeError>("ids.range", "position ", args.positions[i], " at row ", i,
                       " is not below n_positions ", places.rows);
    }
  }
  const TableRows<T>* const rows = args.rows == nullptr || args.rows->empty() ? nullptr : args.rows;
  const bool needed = tape.needs(detail::trains(&wte) || detail::trains(&wpe) ||
                                 (rows != nullptr && rows->values->requires_grad()));
  const Var<T> y = tape.create(static_cast<Index>(args.ids.size()), tokens.cols, needed);
  ops::embedding_forward<T>(tape.pool(), {.ids = args.ids,
                                          .positions = args.positions,
                                          .wte = tokens,
                                          .wpe = places,
                                          .out = y.value()});
  if (rows != nullptr) detail::embed_rows<T>(*rows, args.ids, args.positions, places, y.value());
  if (!needed) return y;
  const std::span<const Index> tokens_used = detail::stored_ids(tape, args.ids);
  const std::span<const Index> positions = detail::stored(tape, args.positions);
  tape.record(y, [y, &wte, &wpe, rows, tokens_used, positions](Tape<T>& t) {
    const MatrixView<T> dy = t.grad(y);
    if (rows != nullptr && rows->values->requires_grad()) {
      detail::add_row_gradients<T>(*rows, tokens_used, dy);
    }
    if (detail::trains(&wte)) {
      ops::embedding_backward<T>(t.pool(), tokens_used, dy, wte.grad().matrix());
    }
    if (detail::trains(&wpe)) {
      ops::embedding_backward<T>(t.pool(), positions, dy, wpe.grad().matrix());
    }
  });
  return y;
}

template <Scalar T>
Var<T> columns(Tape<T>& tape, Parameter<T>& a, std::span<const int> ids) {
  const ConstMatrixView<T> from = std::as_const(a).value().matrix();
  detail::require_ids(ids, from.cols);
  const bool needed = tape.needs(a.requires_grad());
  const Var<T> y = tape.create(static_cast<Index>(ids.size()), from.rows, needed);
  const MatrixView<T> to = y.value();
  for (Index i = 0; i < to.rows; ++i) {
    const Index id = ids[static_cast<std::size_t>(i)];
    for (Index k = 0; k < to.cols; ++k) to(i, k) = from(k, id);
  }
  if (!needed) return y;
  const std::span<const Index> taken = detail::stored_ids(tape, ids);
  tape.record(y, [y, &a, taken](Tape<T>& t) {
    const ConstMatrixView<T> dy = t.grad(y);
    const MatrixView<T> da = a.grad().matrix();
    detail::for_rows(t.pool(), da.rows, dy.rows, [&](Index begin, Index end) {
      for (Index k = begin; k < end; ++k) {
        for (Index i = 0; i < dy.rows; ++i) da(k, taken[static_cast<std::size_t>(i)]) += dy(i, k);
      }
    });
  });
  return y;
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                        \
  template Var<T> embedding<T>(Tape<T>&, const EmbeddingArgs<T>&); \
  template Var<T> columns<T>(Tape<T>&, Parameter<T>&, std::span<const int>)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
