// SPDX-License-Identifier: MIT
/// @file
/// Looking tokens up: rows of an embedding, columns of a factor of one.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/table_rows.hpp>
#include <solo/autograd/tape.hpp>

#include <span>

namespace solo::inline SOLO_ABI {

/// Rows of the token table plus rows of the position table: wte[ids[i]] + wpe[positions[i]].
/// Throws ShapeError ("ids.range") naming the first id or position that has no row.
template <Scalar T>
struct EmbeddingArgs {
  std::span<const int> ids = {};
  std::span<const Index> positions = {};
  Parameter<T>* wte = nullptr;
  Parameter<T>* wpe = nullptr;
  const TableRows<T>* rows = nullptr;  ///< of wte, replaced; null: none
};
template <Scalar T>
[[nodiscard]] Var<T> embedding(Tape<T>& tape, const EmbeddingArgs<T>& args);

/// Columns ids[0], ids[1], … of a matrix, as rows: (ids, a's rows). Throws ShapeError ("ids.range")
/// naming the first id that has no column.
template <Scalar T>
[[nodiscard]] Var<T> columns(Tape<T>& tape, Parameter<T>& a, std::span<const int> ids);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/autograd/embedding.ipp>  // IWYU pragma: keep
#endif
