// SPDX-License-Identifier: MIT
/// @file
/// Operands of products under test.
#pragma once

#include <solo/kernels/operand.hpp>

#include "support/numbers.hpp"

#include <cstdint>
#include <vector>

namespace solo::test {

/// A matrix in memory with gaps after each run, seen as it is or transposed.
template <class T>
struct Stored {
  std::vector<T> values;
  Index rows;
  Index cols;
  Index stride;
  bool transposed;

  Stored(Index r, Index c, bool t, std::uint64_t seed) : rows(r), cols(c), transposed(t) {
    stride = (t ? r : c) + 3;
    values = normal_values<T>((t ? c : r) * stride, seed);
  }
  [[nodiscard]] Operand<T> operand() const {
    const ConstMatrixView<T> view(values.data(), transposed ? cols : rows, transposed ? rows : cols,
                                  stride);
    return transposed ? Operand<T>(view).transposed() : Operand<T>(view);
  }
  [[nodiscard]] double at(Index i, Index j) const {
    return static_cast<double>(
        values[static_cast<std::size_t>(transposed ? j * stride + i : i * stride + j)]);
  }
};

struct Sizes {
  Index m;
  Index n;
  Index k;
};

}  // namespace solo::test
