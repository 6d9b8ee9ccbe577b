// SPDX-License-Identifier: MIT
/// @file
/// The bridge to Eigen: the public matrix type, and views as Eigen maps.
#pragma once

#include <solo/core/view.hpp>

#include <Eigen/Core>

namespace solo::inline SOLO_ABI {

/// A row-major dynamic Eigen matrix, the library's public result type.
template <Scalar T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The view as an Eigen map; no copy.
template <Scalar T>
[[nodiscard]] auto as_eigen(MatrixView<T> view) {
  return Eigen::Map<Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>(
      view.data, view.rows, view.cols, Eigen::OuterStride<>(view.stride));
}
template <Scalar T>
[[nodiscard]] auto as_eigen(MatrixView<const T> view) {
  return Eigen::Map<const Matrix<T>, Eigen::Unaligned, Eigen::OuterStride<>>(
      view.data, view.rows, view.cols, Eigen::OuterStride<>(view.stride));
}

}  // namespace solo::inline SOLO_ABI
