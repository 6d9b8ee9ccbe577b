// SPDX-License-Identifier: MIT
#include "native/eigen_native.hpp"

#include <Eigen/Core>

void eigen_native_product(const float* a, const float* b, float* c, std::ptrdiff_t m,
                          std::ptrdiff_t k, std::ptrdiff_t n) {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> left(a, m, k);
  const Eigen::Map<const RowMajor> right(b, k, n);
  Eigen::Map<RowMajor>(c, m, n).noalias() = left * right;
}
