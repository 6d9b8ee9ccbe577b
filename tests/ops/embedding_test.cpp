// SPDX-License-Identifier: MIT
#include <solo/kernels/packed_matrix.hpp>
#include <solo/kernels/table.hpp>
#include <solo/ops/embedding.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

namespace {

using namespace solo;
using namespace solo::test;

TEST_CASE("embedding adds the token's and the position's rows, also of bfloat16 tables") {
  ThreadPool pool(2);
  const Index cols = 19;
  const std::vector<float> wte = normal_values<float>(11 * cols, 1);
  const std::vector<float> wpe = normal_values<float>(7 * cols, 2);
  PackedMatrix<float> half(cols, 11, true);
  half.set_cols(0, {wte.data(), 11, cols});
  const std::vector<int> ids = {10, 0, 3, 3};
  const std::vector<Index> positions = {0, 6, 2, 3};
  std::vector<float> full(ids.size() * cols);
  std::vector<float> rounded(full.size());
  const ConstMatrixView<float> positions_table(wpe.data(), 7, cols);
  ops::embedding_forward<float>(pool, {.ids = ids,
                                       .positions = positions,
                                       .wte = ConstMatrixView<float>(wte.data(), 11, cols),
                                       .wpe = positions_table,
                                       .out = {full.data(), 4, cols}});
  ops::embedding_forward<float>(pool, {.ids = ids,
                                       .positions = positions,
                                       .wte = half.operand().transposed(),
                                       .wpe = positions_table,
                                       .out = {rounded.data(), 4, cols}});
  bool right = true;
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < cols; ++j) {
      const std::size_t token = static_cast<std::size_t>(ids[i]) * cols + j;
      const float position = wpe[static_cast<std::size_t>(positions[i]) * cols + j];
      right = right && full[i * cols + j] == wte[token] + position;
      right = right && rounded[i * cols + j] == to_float(to_bfloat16(wte[token])) + position;
    }
  }
  CHECK(right);
}

TEST_CASE("embedding's backward adds rows in order, for any number of threads") {
  const Index cols = 300;
  const std::vector<float> dy = normal_values<float>(80 * cols, 3);
  std::vector<Index> ids;
  for (Index i = 0; i < 80; ++i) ids.push_back(i * i % 13);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    std::vector<float> expected(static_cast<std::size_t>(13 * cols), 1.0F);
    for (std::size_t i = 0; i < 80; ++i) {
      for (std::size_t j = 0; j < 300; ++j) {
        expected[static_cast<std::size_t>(ids[i]) * 300 + j] += dy[i * 300 + j];
      }
    }
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      std::vector<float> gradient(expected.size(), 1.0F);
      ops::embedding_backward<float>(pool, ids, {dy.data(), 80, cols}, {gradient.data(), 13, cols});
      CAPTURE(to_string(isa), threads);
      CHECK(same_bits(gradient, expected));
    }
  }
}

}  // namespace
