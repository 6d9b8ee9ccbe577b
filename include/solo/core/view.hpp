// SPDX-License-Identifier: MIT
/// @file
/// Non-owning views. Operations and kernels see nothing else.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>

#include <concepts>
#include <span>
#include <string_view>
#include <type_traits>

namespace solo::inline SOLO_ABI {

/// A row-major matrix somebody else owns; element (i, j) is data[i * stride + j].
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index stride = 0;

  constexpr MatrixView() = default;
  constexpr MatrixView(T* p, Index r, Index c) : data(p), rows(r), cols(c), stride(c) {}
  constexpr MatrixView(T* p, Index r, Index c, Index s) : data(p), rows(r), cols(c), stride(s) {}
  /// A view of mutable data is also a view of constant data.
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor)
  requires(std::same_as<const U, T>) constexpr MatrixView(const MatrixView<U>& other)
      : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}

  [[nodiscard]] constexpr T* row(Index i) const { return data + i * stride; }
  [[nodiscard]] constexpr T& operator()(Index i, Index j) const { return data[i * stride + j]; }
  /// Rows [begin, begin + count).
  [[nodiscard]] constexpr MatrixView middle_rows(Index begin, Index count) const {
    return {data + begin * stride, count, cols, stride};
  }
  /// Columns [begin, begin + count).
  [[nodiscard]] constexpr MatrixView middle_cols(Index begin, Index count) const {
    return {data + begin, rows, count, stride};
  }
};

template <class T>
using ConstMatrixView = MatrixView<const T>;

namespace detail {

/// ShapeError ("shape.view") for a view whose elements lie nowhere, or in rows that overlap.
template <class T>
void require_memory(std::string_view call, const MatrixView<T>& view) {
  if (view.rows <= 0 || view.cols <= 0) return;
  if (view.data == nullptr) fail<ShapeError>("shape.view", call, ": the matrix has no memory");
  if (view.rows > 1 && view.stride < view.cols) {
    fail<ShapeError>("shape.view", call, ": rows of ", view.cols, " elements overlap, stride ",
                     view.stride);
  }
}

/// The same, and ShapeError ("shape.mismatch") for a view of another size.
template <class T>
void require_view(std::string_view call, const MatrixView<T>& view, Index rows, Index cols) {
  if (view.rows != rows || view.cols != cols) {
    fail<ShapeError>("shape.mismatch", call, ": expected ", rows, " x ", cols, ", found ",
                     view.rows, " x ", view.cols);
  }
  require_memory(call, view);
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
