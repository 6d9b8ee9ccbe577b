// SPDX-License-Identifier: MIT
#include <solo/core/tensor.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using solo::Index;
using solo::Tensor;

namespace {
constexpr Index kMax = std::numeric_limits<Index>::max();
}

TEST_CASE("checked_product multiplies or refuses", "[core]") {
  CHECK(solo::checked_product(0, kMax) == 0);
  CHECK(solo::checked_product(kMax, 0) == 0);
  CHECK(solo::checked_product(kMax, 1) == kMax);
  CHECK(solo::checked_product(3037000499, 3037000499) == 9223372030926249001);
  for (const auto& [a, b] : std::vector<std::pair<Index, Index>>{{kMax, 2},
                                                                 {kMax / 2 + 1, 2},
                                                                 {3037000500, 3037000500},
                                                                 {-1, 1},
                                                                 {1, -1},
                                                                 {-1, -1},
                                                                 {0, -1}}) {
    try {
      static_cast<void>(solo::checked_product(a, b));
      FAIL("accepted " << a << " x " << b);
    } catch (const solo::ShapeError& error) {
      CHECK(error.id() == "shape.overflow");
      const std::string message = error.what();
      CHECK(message.find(std::to_string(a)) != std::string::npos);
      CHECK(message.find(std::to_string(b)) != std::string::npos);
    }
  }
}

TEST_CASE("buffers are aligned, move-only and check their size", "[core]") {
  static_assert(!std::is_copy_constructible_v<solo::AlignedBuffer<float>>);
  static_assert(std::is_nothrow_move_constructible_v<solo::AlignedBuffer<float>>);
  for (const Index size : {1, 3, 64, 1000}) {
    const solo::AlignedBuffer<char> buffer(size);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % solo::kAlignment == 0);
    CHECK(buffer.size() == size);
  }
  CHECK(solo::AlignedBuffer<float>(0).data() == nullptr);
  CHECK_THROWS_AS(solo::AlignedBuffer<float>(-1), solo::ShapeError);
  CHECK_THROWS_AS(solo::AlignedBuffer<double>(kMax / 4), solo::ShapeError);

  solo::AlignedBuffer<int> a(4);
  int* const memory = a.data();
  solo::AlignedBuffer<int> b = std::move(a);
  CHECK(b.data() == memory);
  b.reserve(2);
  CHECK(b.data() == memory);
  CHECK(b.size() == 4);
  b.reserve(5);
  CHECK(b.size() == 5);
}

TEST_CASE("a new tensor is zero, has its shape and is no shallow copy", "[core]") {
  static_assert(!std::is_copy_constructible_v<Tensor<float>>);
  static_assert(!std::is_copy_assignable_v<Tensor<float>>);
  static_assert(std::is_nothrow_move_constructible_v<Tensor<float>>);
  Tensor<double> tensor({2, 3, 4});
  CHECK(tensor.size() == 24);
  CHECK(tensor.shape() == std::vector<Index>{2, 3, 4});
  for (const double x : tensor.span()) REQUIRE(x == 0);
  std::iota(tensor.data(), tensor.data() + tensor.size(), 0.0);

  Tensor<double> copy = tensor.clone();
  CHECK(copy.shape() == tensor.shape());
  copy.data()[5] = -1;
  CHECK(tensor.data()[5] == 5);
  CHECK(copy.data()[6] == 6);

  const Tensor<double> moved = std::move(copy);
  CHECK(moved.data()[5] == -1);
}

TEST_CASE("a tensor is a matrix over its last dimension", "[core]") {
  Tensor<float> tensor({2, 3, 4});
  std::iota(tensor.data(), tensor.data() + tensor.size(), 0.0F);
  const solo::MatrixView<float> matrix = tensor.matrix();
  CHECK(matrix.rows == 6);
  CHECK(matrix.cols == 4);
  CHECK(matrix(5, 3) == 23.0F);
  CHECK(Tensor<float>({7}).matrix().rows == 1);
  CHECK(Tensor<float>({7}).matrix().cols == 7);
}

TEST_CASE("shapes with no or no dimension", "[core]") {
  CHECK(Tensor<float>().empty());
  CHECK(Tensor<float>().size() == 0);
  CHECK(Tensor<float>(std::vector<Index>{}).size() == 1);
  const Tensor<float> none({0, 5});
  CHECK(none.empty());
  CHECK(none.matrix().rows == 0);
  CHECK(none.matrix().cols == 5);
  CHECK(none.clone().shape() == none.shape());
  CHECK(Tensor<float>({5, 0}).matrix().rows == 0);
}

TEST_CASE("a shape that overflows is refused before anything is allocated", "[core]") {
  CHECK_THROWS_AS(Tensor<float>({kMax, 2}), solo::ShapeError);
  CHECK_THROWS_AS(Tensor<float>({Index{1} << 32U, Index{1} << 32U}), solo::ShapeError);
  CHECK_THROWS_AS(Tensor<double>({kMax / 2}), solo::ShapeError);  // its bytes overflow
  CHECK_THROWS_AS(Tensor<float>({2, -1}), solo::ShapeError);
}

TEST_CASE("shapes are written as Python does", "[core]") {
  const auto text = [](const std::vector<Index>& shape) { return solo::to_string(shape); };
  CHECK(text({}) == "()");
  CHECK(text({3}) == "(3,)");
  CHECK(text({2, 3}) == "(2, 3)");
}

TEST_CASE("sizes to calculate with throw instead of overflowing", "[core]") {
  using solo::CheckedIndex;
  CHECK((2 * CheckedIndex(3) + 4).value() == 10);
  CHECK((CheckedIndex(kMax / 2) * 2 + 1).value() == kMax);
  CHECK(CheckedIndex(1) < CheckedIndex(2));
  CHECK_THROWS_AS(CheckedIndex(kMax) + 1, solo::ShapeError);
  CHECK_THROWS_AS(CheckedIndex(kMax / 2 + 1) * 2, solo::ShapeError);
  CHECK_THROWS_AS(CheckedIndex(0) + -1, solo::ShapeError);
  CheckedIndex sum = kMax;
  CHECK_THROWS_AS(sum += 1, solo::ShapeError);
  CHECK(sum.value() == kMax);
}
