// SPDX-License-Identifier: MIT
/// @file
/// A read-only matrix of T: strided either way, or in the panels of a PackedMatrix.
#pragma once

#include <solo/core/view.hpp>

#include <algorithm>
#include <utility>

namespace solo::inline SOLO_ABI {

/// Columns of a panel of a PackedMatrix, whatever the instruction set.
inline constexpr Index kPackedCols = 32;

/// A read-only operand of a product. Strided: element (i, j) is data[i * row_stride + j *
/// col_stride], one of the strides is 1. In panels (see PackedMatrix): `data`, or `half` when the
/// elements are bfloat16; the strides only tell whether it is seen as packed (col_stride 1) or
/// transposed.
template <Scalar T>
struct Operand {
  const T* data = nullptr;
  const bfloat16* half = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 0;
  Index col_stride = 1;
  bool panels = false;

  constexpr Operand() = default;
  constexpr Operand(ConstMatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : data(view.data), rows(view.rows), cols(view.cols), row_stride(view.stride) {}
  constexpr Operand(MatrixView<T> view)  // NOLINT(google-explicit-constructor)
      : Operand(ConstMatrixView<T>(view)) {}

  [[nodiscard]] constexpr bool transposed_view() const noexcept { return col_stride != 1; }
  [[nodiscard]] constexpr Operand transposed() const {
    Operand t = *this;
    std::swap(t.rows, t.cols);
    std::swap(t.row_stride, t.col_stride);
    return t;
  }

  /// Element (i, j). For a few elements; copy_row() is quicker.
  [[nodiscard]] constexpr T at(Index i, Index j) const {
    T value{};
    copy_row(i, j, 1, &value);
    return value;
  }

  /// out[j] = element (i, begin + j) for j < count, or += with `add`.
  template <bool add = false>
  constexpr void copy_row(Index i, Index begin, Index count, T* out) const {
    const auto run = [](const auto* from, Index step, Index n, T* to) {
      for (Index j = 0; j < n; ++j) to[j] = (add ? to[j] : T{}) + widened(from[j * step]);
    };
    if (!panels) {
      run(data + i * row_stride + begin * col_stride, col_stride, count, out);
    } else if (half == nullptr && transposed_view()) {  // a column of one panel
      const Index panel = i / kPackedCols;
      run(data + (panel * cols + begin) * kPackedCols + i % kPackedCols, kPackedCols, count, out);
    } else {
      for (Index j = 0, n = 0; j < count; j += n) {
        // The longest run at a constant distance: a row of a panel, or one element of a pair.
        const Index k = transposed_view() ? begin + j : i;
        const Index column = transposed_view() ? i : begin + j;
        const Index depth = transposed_view() ? cols : rows;
        const Index panel = column / kPackedCols;
        const Index at = column % kPackedCols;
        n = transposed_view() ? 1 : std::min(kPackedCols - at, count - j);
        if (half == nullptr) {
          run(data + (panel * depth + k) * kPackedCols + at, 1, n, out + j);
        } else {
          const Index pair = panel * ((depth + 1) / 2) + k / 2;
          run(half + 2 * (pair * kPackedCols + at) + k % 2, 2, n, out + j);
        }
      }
    }
  }
  /// All elements, row after row.
  constexpr void copy(T* out) const {
    for (Index i = 0; i < rows; ++i) copy_row(i, out + i * cols);
  }
  /// All of row i.
  template <bool add = false>
  constexpr void copy_row(Index i, T* out) const {
    copy_row<add>(i, 0, cols, out);
  }

 private:
  [[nodiscard]] static constexpr T widened(T x) { return x; }
  [[nodiscard]] static constexpr T widened(bfloat16 x) { return static_cast<T>(to_float(x)); }
};

}  // namespace solo::inline SOLO_ABI
