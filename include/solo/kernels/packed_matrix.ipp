// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/packed_matrix.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

template <Scalar T>
PackedMatrix<T>::PackedMatrix(Index depth, Index cols, bool as_bfloat16)
    : depth_(depth), cols_(cols) {
  const Index panels = (cols + kPackedCols - 1) / kPackedCols;
  const Index stored_depth = as_bfloat16 ? (depth + 1) / 2 * 2 : depth;
  const Index size = packed_elements(depth, cols, as_bfloat16);
  // Only what no set_… reaches needs zeros: the last panel, and the pair of an odd depth.
  const Index last = panels == 0 ? 0 : (panels - 1) * kPackedCols * stored_depth;
  if (as_bfloat16) {
    half_ = AlignedBuffer<bfloat16>(size);
    std::fill(half_.data() + last, half_.data() + size, bfloat16{});
    for (Index p = 0; p < panels && depth % 2 != 0; ++p) {
      std::fill_n(half_.data() + ((p + 1) * stored_depth - 2) * kPackedCols, 2 * kPackedCols,
                  bfloat16{});
    }
  } else {
    full_ = AlignedBuffer<T>(size);
    std::fill(full_.data() + last, full_.data() + size, T{});
  }
}

template <Scalar T>
void PackedMatrix<T>::set_rows(Index first, ConstMatrixView<T> rows) {
  for (Index begin = 0; begin < cols_; begin += kPackedCols) {
    const Index count = std::min(kPackedCols, cols_ - begin);
    for (Index i = 0; i < rows.rows; ++i) put(first + i, begin, count, rows.row(i) + begin, 1);
  }
}

template <Scalar T>
void PackedMatrix<T>::set_cols(Index first, ConstMatrixView<T> columns) {
  for (Index begin = 0; begin < columns.rows; begin += kPackedCols) {
    const Index count = std::min(kPackedCols, columns.rows - begin);
    for (Index k = 0; k < depth_; ++k) {
      put(k, first + begin, count, columns.row(begin) + k, columns.stride);
    }
  }
}

template <Scalar T>
void PackedMatrix<T>::put(Index k, Index first, Index count, const T* from, Index step) {
  if (is_bfloat16()) {
    bfloat16* const to =
        half_.data() + (first * ((depth_ + 1) / 2) + k / 2 * kPackedCols) * 2 + k % 2;
    for (Index j = 0; j < count; ++j) to[2 * j] = to_bfloat16(static_cast<float>(from[j * step]));
  } else {
    T* const to = full_.data() + first * depth_ + k * kPackedCols;
    for (Index j = 0; j < count; ++j) to[j] = from[j * step];
  }
}

template <Scalar T>
Operand<T> PackedMatrix<T>::operand() const noexcept {
  Operand<T> result;
  result.data = is_bfloat16() ? nullptr : full_.data();
  result.half = is_bfloat16() ? half_.data() : nullptr;
  result.rows = depth_;
  result.cols = cols_;
  result.row_stride = kPackedCols;
  result.panels = true;
  return result;
}

#if !SOLO_HEADER_ONLY
template class PackedMatrix<float>;
template class PackedMatrix<double>;
#endif

}  // namespace solo::inline SOLO_ABI
