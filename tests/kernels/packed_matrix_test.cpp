// SPDX-License-Identifier: MIT
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/packed_matrix.hpp>
#include <solo/kernels/table.hpp>

#include "kernels/stored.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <algorithm>
#include <array>

namespace {

using namespace solo;
using namespace solo::test;

/// A packed matrix of b's elements.
template <class T>
PackedMatrix<T> packed(const Stored<T>& b, bool as_bfloat16) {
  PackedMatrix<T> result(b.rows, b.cols, as_bfloat16);
  const Operand<T> from = b.operand();
  std::vector<T> rows(static_cast<std::size_t>(b.rows * b.cols));
  for (Index i = 0; i < b.rows; ++i) from.copy_row(i, rows.data() + i * b.cols);
  const ConstMatrixView<T> all(rows.data(), b.rows, b.cols);
  const Index half = std::min<Index>(b.rows, 34);  // in two pieces
  result.set_rows(0, all.middle_rows(0, half));
  result.set_rows(half, all.middle_rows(half, b.rows - half));
  return result;
}

TEST_CASE("a packed matrix holds the elements, however they are given and read") {
  for (const Sizes size : {Sizes{0, 1, 1}, Sizes{0, 33, 7}, Sizes{0, 32, 64}, Sizes{0, 70, 35}}) {
    const Stored<float> b(size.k, size.n, false, 5);
    const Stored<float> columns(size.k, size.n, true, 5);
    for (const bool half : {false, true}) {
      const PackedMatrix<float> by_rows = packed(b, half);
      PackedMatrix<float> by_cols(size.k, size.n, half);
      by_cols.set_cols(0, {columns.values.data(), size.n, size.k, columns.stride});
      bool same = true;
      std::vector<float> row(static_cast<std::size_t>(size.n));
      std::vector<float> column(static_cast<std::size_t>(size.k));
      const auto stored = [half](double x) {
        const auto value = static_cast<float>(x);
        return half ? to_float(to_bfloat16(value)) : value;
      };
      for (Index i = 0; i < size.k; ++i) {
        by_rows.operand().copy_row(i, row.data());
        for (Index j = 0; j < size.n; ++j) {
          by_rows.operand().transposed().copy_row(j, column.data());
          same = same && row[static_cast<std::size_t>(j)] == stored(b.at(i, j)) &&
                 column[static_cast<std::size_t>(i)] == stored(b.at(i, j)) &&
                 by_cols.operand().at(i, j) == stored(columns.at(i, j));
        }
      }
      CAPTURE(size.k, size.n, half);
      CHECK(same);
      CHECK(by_rows.is_bfloat16() == half);
    }
  }
}

/// Sizes of products with a packed b: one row, a few, many; depths and columns off the panels.
constexpr std::array<Sizes, 9> kPacked = {{{1, 33, 19},
                                           {3, 50, 300},
                                           {1, 32, 1},
                                           {12, 64, 32},
                                           {13, 97, 513},
                                           {20, 37, 270},
                                           {40, 160, 40},
                                           {5, 300, 1100},
                                           {1100, 20, 33}}};

template <class T>
void check_packed(ThreadPool& pool, Sizes size, bool transposed) {
  const Stored<T> b(size.k, size.n, false, 12);
  const Stored<T> a(size.m, transposed ? size.n : size.k, false, 13);
  const PackedMatrix<T> stored = packed(b, false);
  const Operand<T> plain = transposed ? b.operand().transposed() : b.operand();
  const Operand<T> panels = transposed ? stored.operand().transposed() : stored.operand();
  const std::vector<T> bias = normal_values<T>(plain.cols, 14);
  for (const int form : {0, 1, 2}) {
    std::vector<T> expected = normal_values<T>(size.m * plain.cols, 15);
    std::vector<T> result = expected;
    Gemm<T> product{.a = a.operand(),
                    .b = plain,
                    .c = {expected.data(), size.m, plain.cols},
                    .accumulate = form == 1,
                    .bias = form == 2 ? bias.data() : nullptr};
    gemm<T>(pool, product);
    product.b = panels;
    product.c.data = result.data();
    gemm<T>(pool, product);
    CAPTURE(size.m, size.n, size.k, transposed, form, to_string(active_isa()));
    CHECK(same_bits(result, expected));
  }
}

TEST_CASE("a packed matrix gives the bits of the same matrix that is not packed") {
  ThreadPool pool(2);
  for (const bool transposed : {false, true}) {
    for (const Sizes size : kPacked) {
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        check_packed<float>(pool, size, transposed);
      }
      check_packed<double>(pool, size, transposed);
    }
  }
}

/// A product with everything that can follow it, against the same in separate steps.
template <class T>
void check_finish(ThreadPool& pool, Sizes size, bool in_panels) {
  const Stored<T> a(size.m, size.k, false, 13);
  const Stored<T> b(size.k, size.n, false, 12);
  const Stored<T> residual(size.m, size.n, false, 14);
  const PackedMatrix<T> stored = packed(b, false);
  const std::vector<T> bias = normal_values<T>(size.n, 15);
  const Operand<T> right = in_panels ? stored.operand() : b.operand();
  const KernelTable<T>& table = kernels<T>();
  std::vector<T> expected(static_cast<std::size_t>(size.m * size.n));
  std::vector<T> expected_active = expected;
  std::vector<T> c = expected;
  std::vector<T> active = expected;
  const MatrixView<T> plain(expected.data(), size.m, size.n);
  gemm<T>(pool, {.a = a.operand(), .b = right, .c = plain, .bias = bias.data()});
  for (Index i = 0; i < size.m; ++i) {
    const T* const x = residual.values.data() + i * residual.stride;
    for (Index j = 0; j < size.n; ++j) plain(i, j) += x[j];
    table.gelu_new(size.n, plain.row(i), expected_active.data() + i * size.n);
  }
  gemm<T>(pool, {.a = a.operand(),
                 .b = right,
                 .c = {c.data(), size.m, size.n},
                 .bias = bias.data(),
                 .residual = {residual.values.data(), size.m, size.n, residual.stride},
                 .activated = {active.data(), size.m, size.n}});
  CAPTURE(size.m, size.n, size.k, in_panels, to_string(active_isa()));
  CHECK(same_bits(c, expected));
  CHECK(same_bits(active, expected_active));
}

TEST_CASE("bias, residual and gelu_new after a product are those of separate steps") {
  ThreadPool pool(2);
  for (const bool in_panels : {false, true}) {
    for (const Sizes size : {Sizes{1, 33, 19}, Sizes{3, 50, 1100}, Sizes{20, 37, 270},
                             Sizes{4, 7, 0}, Sizes{13, 300, 33}}) {
      if (size.k == 0 && in_panels) continue;
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        check_finish<float>(pool, size, in_panels);
      }
      check_finish<double>(pool, size, in_panels);
    }
  }
}

/// Σ a · b with a as the kernels take it; the error in units of Σ |a · b|.
template <class T>
double packed_half_error(ThreadPool& pool, Sizes size, bool transposed, bool accumulate) {
  const Stored<T> b(size.k, size.n, false, 12);
  const Stored<T> a(size.m, transposed ? size.n : size.k, false, 13);
  const PackedMatrix<T> stored = packed(b, true);
  const Operand<T> right = transposed ? stored.operand().transposed() : stored.operand();
  const bool rounds = kernels<T>().gemm_part_pairs != nullptr;
  std::vector<T> c = normal_values<T>(size.m * right.cols, 3);
  const std::vector<T> before = c;
  gemm<T>(pool, {.a = a.operand(),
                 .b = right,
                 .c = {c.data(), size.m, right.cols},
                 .accumulate = accumulate});
  double worst = 0.0;
  for (Index i = 0; i < size.m; ++i) {
    for (Index j = 0; j < right.cols; ++j) {
      const auto at = static_cast<std::size_t>(i * right.cols + j);
      double exact = accumulate ? static_cast<double>(before[at]) : 0.0;
      double sum = std::abs(exact);
      for (Index k = 0; k < right.rows; ++k) {
        const double x = a.at(i, k);
        const double rounded = to_float(to_bfloat16(static_cast<float>(x)));
        const double term = (rounds ? rounded : x) * static_cast<double>(right.at(k, j));
        exact += term;
        sum += std::abs(term);
      }
      worst = std::max(worst, std::abs(static_cast<double>(c[at]) - exact) / sum);
    }
  }
  return worst;
}

TEST_CASE("a packed matrix of bfloat16 gives the product of its values") {
  ThreadPool pool(2);
  for (const bool transposed : {false, true}) {
    for (const bool accumulate : {false, true}) {
      for (const Sizes size : kPacked) {
        for (const Isa isa : available_isas()) {
          const ScopedIsa use(isa);
          CAPTURE(size.m, size.n, size.k, transposed, accumulate, to_string(isa));
          CHECK(packed_half_error<float>(pool, size, transposed, accumulate) <= 300.0 * 0x1p-23);
        }
        CHECK(packed_half_error<double>(pool, size, transposed, accumulate) <= 300.0 * 0x1p-52);
      }
    }
  }
}

TEST_CASE("products with packed bfloat16: same bits for any threads, alone and in a batch") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const bool transposed : {false, true}) {
      const Stored<float> a(30, 600, false, 6);
      const Stored<float> b(transposed ? 77 : 600, transposed ? 600 : 77, false, 7);
      const PackedMatrix<float> stored = packed(b, true);
      const auto run = [&](int threads, Index first, Index rows) {
        ThreadPool pool(threads);
        std::vector<float> c(static_cast<std::size_t>(rows * 77));
        Operand<float> left = a.operand();
        left.data += first * left.row_stride;
        left.rows = rows;
        gemm<float>(pool, {.a = left,
                           .b = transposed ? stored.operand().transposed() : stored.operand(),
                           .c = {c.data(), rows, 77}});
        return c;
      };
      const std::vector<float> all = run(1, 0, 30);
      CAPTURE(to_string(isa), transposed);
      for (const int threads : {2, 3, 5}) CHECK(same_bits(run(threads, 0, 30), all));
      for (const Index count : {1, 3, 13}) {
        const auto begin = all.begin() + 17 * 77;
        CHECK(same_bits(run(2, 17, count), std::vector<float>(begin, begin + count * 77)));
      }
    }
  }
}

TEST_CASE("bfloat16 products take a left side strided either way", "[kernels]") {
  ThreadPool pool(2);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Sizes size : {Sizes{1, 40, 70}, Sizes{3, 33, 31}, Sizes{20, 64, 1100}}) {
      const Stored<float> columns(size.m, size.k, true, 7);
      Stored<float> rows(size.m, size.k, false, 7);  // the same matrix, row by row
      for (Index i = 0; i < size.m; ++i) {
        for (Index k = 0; k < size.k; ++k) {
          rows.values[static_cast<std::size_t>(i * rows.stride + k)] =
              static_cast<float>(columns.at(i, k));
        }
      }
      const PackedMatrix<float> b = packed(Stored<float>(size.k, size.n, false, 8), true);
      const PackedMatrix<float> bt = packed(Stored<float>(size.n, size.k, false, 9), true);
      for (const Operand<float>& right : {b.operand(), bt.operand().transposed()}) {
        std::vector<float> by_columns(static_cast<std::size_t>(size.m * size.n));
        std::vector<float> by_rows(by_columns.size());
        gemm<float>(pool,
                    {.a = columns.operand(), .b = right, .c = {by_columns.data(), size.m, size.n}});
        gemm<float>(pool, {.a = rows.operand(), .b = right, .c = {by_rows.data(), size.m, size.n}});
        CAPTURE(to_string(isa), size.m, size.n, size.k);
        CHECK(by_columns == by_rows);
      }
    }
  }
}

}  // namespace
