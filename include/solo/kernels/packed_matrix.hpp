// SPDX-License-Identifier: MIT
/// @file
/// A frozen matrix in the order in which the products stream it.
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/kernels/operand.hpp>

namespace solo::inline SOLO_ABI {

/// Elements that a PackedMatrix (depth, cols) stores, padding included. Throws ShapeError
/// ("shape.overflow").
[[nodiscard]] inline Index packed_elements(Index depth, Index cols, bool as_bfloat16) {
  const Index panels = (cols + kPackedCols - 1) / kPackedCols;
  const Index stored_depth = as_bfloat16 ? (depth + 1) / 2 * 2 : depth;
  return checked_product(checked_product(panels, kPackedCols), stored_depth);
}

/// A matrix (depth, cols), cut into panels of kPackedCols columns that lie one after another, the
/// last one padded with zeros. Within a panel a row's 32 elements are side by side, rows follow
/// each other. As bfloat16, two rows (2k, 2k + 1) are interleaved element by element, which is what
/// a bfloat16 dot product takes; an odd depth is padded with a row of zeros. The layout does not
/// depend on the instruction set.
template <Scalar T>
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// Elements to be set by set_rows or set_cols. `dtype` is T's own or bfloat16. Throws
  /// std::bad_alloc.
  PackedMatrix(Index depth, Index cols, bool as_bfloat16);

  [[nodiscard]] bool empty() const noexcept { return depth_ == 0 || cols_ == 0; }
  [[nodiscard]] Index depth() const noexcept { return depth_; }
  [[nodiscard]] Index cols() const noexcept { return cols_; }
  [[nodiscard]] bool is_bfloat16() const noexcept { return half_.size() != 0; }
  [[nodiscard]] Index bytes() const noexcept {
    return full_.size() * static_cast<Index>(sizeof(T)) + half_.size() * 2;
  }

  /// Rows [first, first + rows.rows); `first` is even. Disjoint ranges may be set by several
  /// threads at once.
  void set_rows(Index first, ConstMatrixView<T> rows);
  /// Columns [first, first + columns.rows), each a row of `columns`; `first` is a multiple of
  /// kPackedCols. Disjoint ranges may be set by several threads at once.
  void set_cols(Index first, ConstMatrixView<T> columns);

  /// The matrix (depth, cols); valid as long as this object is neither moved nor destroyed.
  [[nodiscard]] Operand<T> operand() const noexcept;

 private:
  /// Row k of the panel whose first column is `first`: from[0], from[step], …
  void put(Index k, Index first, Index count, const T* from, Index step);

  Index depth_ = 0;
  Index cols_ = 0;
  AlignedBuffer<T> full_;
  AlignedBuffer<bfloat16> half_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/packed_matrix.ipp>  // IWYU pragma: keep
#endif
