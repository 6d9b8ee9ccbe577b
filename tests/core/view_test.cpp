// SPDX-License-Identifier: MIT
#include <solo/core/eigen.hpp>
#include <solo/core/view.hpp>

#include "support/catch.hpp"

#include <numeric>
#include <type_traits>
#include <vector>

TEST_CASE("views address rows and columns by their stride", "[core]") {
  std::vector<int> data(20);
  std::iota(data.begin(), data.end(), 0);
  const solo::MatrixView<int> whole(data.data(), 4, 5);
  CHECK(whole.stride == 5);
  CHECK(whole(2, 3) == 13);
  CHECK(whole.row(3) == data.data() + 15);

  const solo::MatrixView<int> part = whole.middle_rows(1, 2).middle_cols(2, 3);
  CHECK(part.rows == 2);
  CHECK(part.cols == 3);
  CHECK(part.stride == 5);
  CHECK(part(0, 0) == 7);
  CHECK(part(1, 2) == 14);
  part(1, 2) = -1;
  CHECK(data[14] == -1);
}

TEST_CASE("a mutable view becomes a constant one, never the reverse", "[core]") {
  static_assert(std::is_convertible_v<solo::MatrixView<float>, solo::ConstMatrixView<float>>);
  static_assert(!std::is_convertible_v<solo::ConstMatrixView<float>, solo::MatrixView<float>>);
  static_assert(!std::is_convertible_v<solo::MatrixView<float>, solo::ConstMatrixView<double>>);
  std::vector<float> data(6, 2.0F);
  const solo::ConstMatrixView<float> view = solo::MatrixView<float>(data.data(), 2, 3);
  CHECK(view.rows == 2);
  CHECK(view(1, 2) == 2.0F);
}

TEST_CASE("as_eigen maps a view in place", "[core]") {
  std::vector<double> data(20);
  std::iota(data.begin(), data.end(), 0.0);
  const solo::MatrixView<double> part =
      solo::MatrixView<double>(data.data(), 4, 5).middle_rows(1, 2).middle_cols(2, 3);
  auto map = solo::as_eigen(part);
  CHECK(map.rows() == 2);
  CHECK(map.cols() == 3);
  CHECK(map(1, 0) == 12.0);
  map(0, 0) = 100;
  CHECK(data[7] == 100.0);
  const solo::Matrix<double> copy = solo::as_eigen(solo::ConstMatrixView<double>(part));
  CHECK(copy.sum() == 100.0 + 8 + 9 + 12 + 13 + 14);
}
