// SPDX-License-Identifier: MIT
/// @file
/// A read-only matrix of T or of bfloat16, strided either way.
#pragma once

#include <solo/core/view.hpp>

#include <utility>

namespace solo::inline SOLO_ABI {

/// A read-only operand: element (i, j) is data[i * row_stride + j * col_stride], or the same
/// element of `half` (weights stored as bfloat16) when `data` is null. One of the strides is 1.
template <Scalar T>
struct Operand {
  const T* data = nullptr;
  const bfloat16* half = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 0;
  Index col_stride = 1;

  constexpr Operand() = default;
  constexpr Operand(ConstMatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : data(view.data), rows(view.rows), cols(view.cols), row_stride(view.stride) {}
  constexpr Operand(MatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : Operand(ConstMatrixView<T>(view)) {}

  [[nodiscard]] constexpr Operand transposed() const {
    Operand t = *this;
    std::swap(t.rows, t.cols);
    std::swap(t.row_stride, t.col_stride);
    return t;
  }
};

}  // namespace solo::inline SOLO_ABI
