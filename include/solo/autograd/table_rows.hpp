// SPDX-License-Identifier: MIT
/// @file
/// Some rows of a table of tokens (embedding or head) that a tensor of its own stands in for.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/tensor.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/rows.hpp>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Row rows[i] of the table is row i of `values` instead; the table itself stays as it is.
template <Scalar T>
struct TableRows {
  Parameter<T>* values = nullptr;  ///< (rows, width); null: every row is the table's own
  std::vector<int> rows = {};      ///< each once
  std::vector<Index> places = {};  ///< by row of the table: its place in `rows`, or -1

  TableRows() = default;
  /// `numbers` are below `table_rows`, each once.
  TableRows(Parameter<T>* tensor, std::vector<int> numbers, Index table_rows)
      : values(tensor), rows(std::move(numbers)), places(static_cast<std::size_t>(table_rows), -1) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      places[static_cast<std::size_t>(rows[i])] = static_cast<Index>(i);
    }
  }
  [[nodiscard]] bool empty() const noexcept { return values == nullptr; }
  [[nodiscard]] Index count() const noexcept { return static_cast<Index>(rows.size()); }
};

namespace detail {

/// f(columns in the order of the rows: (logits.rows, count) of the tape's memory).
template <Scalar T, class F>
void with_columns(Tape<T>& tape, const TableRows<T>& rows, Index count, const F& f) {
  const Index size = checked_product(count, rows.count());
  T* const buffer = tape.scratch(size);
  f(MatrixView<T>(buffer, count, rows.count()));
  tape.release_scratch(buffer, size);
}

/// Puts h · valuesᵀ into the columns of the logits that the rows belong to.
template <Scalar T>
void put_columns(Tape<T>& tape, ConstMatrixView<T> h, const TableRows<T>& rows,
                 MatrixView<T> logits) {
  if (rows.empty()) return;
  with_columns(tape, rows, logits.rows, [&](MatrixView<T> columns) {
    gemm<T>(tape.pool(), {.a = h, .b = rows.values->operand().transposed(), .c = columns});
    for_rows(tape.pool(), logits.rows, rows.count(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        for (Index j = 0; j < rows.count(); ++j) {
          logits(i, rows.rows[static_cast<std::size_t>(j)]) = columns(i, j);
        }
      }
    });
  });
}

/// Takes these columns of the logits' gradient away and gives them to their rows:
/// dvalues += dlogitsᵀ · h and dh += dlogits · values, where they are not null.
template <Scalar T>
void take_columns(Tape<T>& tape, ConstMatrixView<T> h, const TableRows<T>& rows,
                  MatrixView<T> dlogits, MatrixView<T> dvalues, MatrixView<T> dh) {
  with_columns(tape, rows, dlogits.rows, [&](MatrixView<T> columns) {
    for_rows(tape.pool(), dlogits.rows, rows.count(), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        for (Index j = 0; j < rows.count(); ++j) {
          columns(i, j) = std::exchange(dlogits(i, rows.rows[static_cast<std::size_t>(j)]), T{});
        }
      }
    });
    if (dvalues.data != nullptr) {
      gemm<T>(tape.pool(),
              {.a = Operand<T>(columns).transposed(), .b = h, .c = dvalues, .accumulate = true});
    }
    if (dh.data != nullptr) {
      gemm<T>(tape.pool(),
              {.a = columns, .b = rows.values->operand(), .c = dh, .accumulate = true});
    }
  });
}

/// The replaced rows of an embedding, and their positions, in place of the table's own.
template <Scalar T>
void embed_rows(const TableRows<T>& rows, std::span<const int> ids,
                std::span<const Index> positions, const Operand<T>& wpe, MatrixView<T> out) {
  const ConstMatrixView<T> values = std::as_const(*rows.values).value().matrix();
  for (Index i = 0; i < out.rows; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Index place = rows.places[static_cast<std::size_t>(ids[at])];
    if (place < 0) continue;
    std::copy_n(values.row(place), out.cols, out.row(i));
    wpe.template copy_row<true>(positions[at], out.row(i));
  }
}

/// Adds dy to the gradients of the replaced rows, in the order of the ids.
template <Scalar T>
void add_row_gradients(const TableRows<T>& rows, std::span<const Index> ids,
                       ConstMatrixView<T> dy) {
  const MatrixView<T> gradient = rows.values->grad().matrix();
  for (Index i = 0; i < dy.rows; ++i) {
    const auto id = static_cast<std::size_t>(ids[static_cast<std::size_t>(i)]);
    const Index place = rows.places[id];
    for (Index j = 0; place >= 0 && j < dy.cols; ++j) gradient(place, j) += dy(i, j);
  }
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
