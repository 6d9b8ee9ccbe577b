// SPDX-License-Identifier: MIT
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/table.hpp>

#include "kernels/stored.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <array>
#include <cstdint>
#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

/// |result − exact| <= bound · Σ |a · b|, element by element; gaps after the rows untouched.
template <class T>
void check_product(ThreadPool& pool, Sizes size, bool a_transposed, bool b_transposed,
                   bool accumulate) {
  const Stored<T> a(size.m, size.k, a_transposed, 1);
  const Stored<T> b(size.k, size.n, b_transposed, 2);
  const Index stride = size.n + 2;
  const std::vector<T> before = normal_values<T>(size.m * stride, 3);
  std::vector<T> c = before;
  gemm<T>(pool, {.a = a.operand(),
                 .b = b.operand(),
                 .c = MatrixView<T>(c.data(), size.m, size.n, stride),
                 .accumulate = accumulate});
  // A chain of at most 256 fma, then one addition a block.
  const double bound = 300.0 * static_cast<double>(std::numeric_limits<T>::epsilon());
  double worst = 0.0;
  bool gaps_kept = true;
  for (Index i = 0; i < size.m; ++i) {
    for (Index j = 0; j < stride; ++j) {
      const auto at = static_cast<std::size_t>(i * stride + j);
      if (j >= size.n) {
        gaps_kept = gaps_kept && c[at] == before[at];
        continue;
      }
      double exact = accumulate ? static_cast<double>(before[at]) : 0.0;
      double size_sum = std::abs(exact);
      for (Index k = 0; k < size.k; ++k) {
        exact += a.at(i, k) * b.at(k, j);
        size_sum += std::abs(a.at(i, k) * b.at(k, j));
      }
      const double error = std::abs(static_cast<double>(c[at]) - exact);
      worst = std::max(worst, size_sum == 0.0 ? error * HUGE_VAL : error / size_sum);
    }
  }
  CAPTURE(size.m, size.n, size.k, a_transposed, b_transposed, accumulate, to_string(active_isa()));
  CHECK(gaps_kept);
  CHECK(worst <= bound);
}

template <class T>
void check_products(ThreadPool& pool, Sizes size) {
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      for (const bool accumulate : {false, true}) {
        check_product<T>(pool, size, a_transposed, b_transposed, accumulate);
      }
    }
  }
}

constexpr std::array<Sizes, 22> kAwkward = {
    {{1, 1, 1},     {1, 1, 0},    {3, 0, 5},    {0, 4, 5},     {1, 33, 7},    {2, 31, 256},
     {3, 16, 257},  {4, 64, 5},   {4, 17, 513}, {5, 15, 3},    {7, 33, 31},   {11, 32, 16},
     {12, 32, 256}, {13, 31, 17}, {16, 9, 15},  {25, 65, 300}, {24, 64, 512}, {6, 16, 8},
     {5, 1, 40},    {48, 4, 33},  {61, 3, 100}, {37, 130, 1}}};

TEST_CASE("gemm agrees with sums in double at awkward sizes and strides") {
  ThreadPool pool(2);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Sizes size : kAwkward) check_products<float>(pool, size);
  }
  for (const Sizes size : kAwkward) check_products<double>(pool, size);
}

TEST_CASE("gemm walks long depths and many rows in chunks") {
  ThreadPool pool(2);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    check_product<float>(pool, {5, 33, 2100}, false, false, false);
    check_product<float>(pool, {5, 33, 2100}, true, true, true);
    check_product<float>(pool, {1100, 7, 20}, true, false, false);
    check_product<float>(pool, {3, 300, 1300}, false, false, true);
  }
}

/// c of the first `rows` rows of a, by the b of all.
std::vector<float> product(int threads, const Stored<float>& a, const Stored<float>& b, Index first,
                           Index rows) {
  ThreadPool pool(threads);
  std::vector<float> c(static_cast<std::size_t>(rows * b.cols));
  Operand<float> left = a.operand();
  left.data += first * left.row_stride;
  left.rows = rows;
  gemm<float>(pool, {.a = left, .b = b.operand(), .c = {c.data(), rows, b.cols}});
  return c;
}

TEST_CASE("gemm gives the same bits for 1, 2, 3 and 5 threads") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Sizes size : {Sizes{70, 200, 300}, Sizes{200, 20, 300}, Sizes{2, 700, 520}}) {
      for (const bool transposed : {false, true}) {
        const Stored<float> a(size.m, size.k, false, 4);
        const Stored<float> b(size.k, size.n, transposed, 5);
        const std::vector<float> one = product(1, a, b, 0, size.m);
        for (const int threads : {2, 3, 5}) {
          CAPTURE(to_string(isa), size.m, size.n, threads, transposed);
          CHECK(same_bits(product(threads, a, b, 0, size.m), one));
        }
      }
    }
  }
}

TEST_CASE("a row of a product has the same bits alone and in any batch") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const bool transposed : {false, true}) {
      const Stored<float> a(30, 600, false, 6);
      const Stored<float> b(600, 77, transposed, 7);
      const std::vector<float> all = product(2, a, b, 0, 30);
      for (const Index count : {1, 2, 3, 4, 5, 13}) {
        for (const Index first : {0, 1, 17}) {
          const auto begin = all.begin() + first * 77;
          const std::vector<float> expected(begin, begin + count * 77);
          CAPTURE(to_string(isa), transposed, count, first);
          CHECK(same_bits(product(2, a, b, first, count), expected));
        }
      }
    }
  }
}

TEST_CASE("the columns of a product do not depend on the columns beside them") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Index rows : {2, 20}) {
      ThreadPool pool(1);
      const Stored<float> a(rows, 300, false, 8);
      const Stored<float> b(300, 90, false, 9);
      const std::vector<float> all = product(1, a, b, 0, rows);
      std::vector<float> c(static_cast<std::size_t>(rows * 41));
      Operand<float> right = b.operand();
      right.data += 13;
      right.cols = 41;
      gemm<float>(pool, {.a = a.operand(), .b = right, .c = {c.data(), rows, 41}});
      bool same = true;
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < 41; ++j) {
          same = same && c[static_cast<std::size_t>(i * 41 + j)] ==
                             all[static_cast<std::size_t>(i * 90 + j + 13)];
        }
      }
      CAPTURE(to_string(isa), rows);
      CHECK(same);
    }
  }
}

TEST_CASE("AVX2 and AVX-512 give the same product") {
  if (!cpu_supports(Isa::avx512)) SOLO_SKIP("needs AVX-512");
  const Stored<float> a(29, 700, false, 10);
  const Stored<float> b(700, 50, false, 11);
  std::vector<float> wide;
  {
    const ScopedIsa use(Isa::avx512);
    wide = product(1, a, b, 0, 29);
  }
  const ScopedIsa use(Isa::avx2);
  CHECK(same_bits(product(1, a, b, 0, 29), wide));
}

TEST_CASE("NaN and infinity stay in the rows and columns they belong to") {
  ThreadPool pool(1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Index rows : {3, 14}) {
      Stored<float> a(rows, 40, false, 14);
      Stored<float> b(40, 35, false, 15);
      a.values[static_cast<std::size_t>(a.stride + 5)] = nan;
      b.values[static_cast<std::size_t>(7 * b.stride + 34)] =
          std::numeric_limits<float>::infinity();
      const std::vector<float> c = product(1, a, b, 0, rows);
      for (Index i = 0; i < rows; ++i) {
        for (Index j = 0; j < 35; ++j) {
          const float x = c[static_cast<std::size_t>(i * 35 + j)];
          CAPTURE(to_string(isa), rows, i, j);
          REQUIRE(std::isnan(x) == (i == 1));
          if (i != 1) REQUIRE(std::isinf(x) == (j == 34));
        }
      }
    }
  }
}

}  // namespace
