// SPDX-License-Identifier: MIT
#include <solo/kernels/table.hpp>
#include <solo/ops/linear.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

namespace {

using namespace solo;
using namespace solo::test;

constexpr Index kRows = 5;
constexpr Index kIn = 7;
constexpr Index kOut = 6;

struct Layer {
  std::vector<double> x = normal_values<double>(kRows * kIn, 1);
  std::vector<double> weight = normal_values<double>(kIn * kOut, 2);
  std::vector<double> bias = normal_values<double>(kOut, 3);
  std::vector<double> dy = normal_values<double>(kRows * kOut, 4);
  bool transposed = false;  ///< weight is (out, in)

  [[nodiscard]] Operand<double> operand() const {
    const ConstMatrixView<double> view(weight.data(), transposed ? kOut : kIn,
                                       transposed ? kIn : kOut);
    return transposed ? Operand<double>(view).transposed() : Operand<double>(view);
  }
  /// Σ y ⊙ dy.
  double loss() const {
    ThreadPool pool(1);
    std::vector<double> y(dy.size());
    ops::linear_forward<double>(pool, {.x = {x.data(), kRows, kIn},
                                       .weight = operand(),
                                       .bias = bias.data(),
                                       .y = {y.data(), kRows, kOut}});
    return inner(y, dy);
  }
};

TEST_CASE("linear's gradients are central differences and are added to what is there") {
  ThreadPool pool(2);
  for (const bool transposed : {false, true}) {
    Layer layer;
    layer.transposed = transposed;
    const auto loss = [&] { return layer.loss(); };
    std::vector<double> dx(layer.x.size(), 1.0);
    std::vector<double> dweight(layer.weight.size(), 1.0);
    std::vector<double> dbias(layer.bias.size(), 1.0);
    ops::linear_backward<double>(
        pool, {.dy = {layer.dy.data(), kRows, kOut},
               .x = {layer.x.data(), kRows, kIn},
               .weight = layer.operand(),
               .dx = {dx.data(), kRows, kIn},
               .dweight = {dweight.data(), transposed ? kOut : kIn, transposed ? kIn : kOut},
               .weight_transposed = transposed,
               .dbias = dbias.data()});
    for (auto* gradient : {&dx, &dweight, &dbias}) {
      for (double& g : *gradient) g -= 1.0;
    }
    CAPTURE(transposed);
    CHECK(max_difference(dx, central_differences(layer.x, loss)) < 1e-8);
    CHECK(max_difference(dweight, central_differences(layer.weight, loss)) < 1e-8);
    CHECK(max_difference(dbias, central_differences(layer.bias, loss)) < 1e-8);
  }
}

TEST_CASE("linear without a bias is the product, and a frozen weight needs no x") {
  ThreadPool pool(1);
  Layer layer;
  std::vector<double> with(layer.dy.size());
  std::vector<double> without(layer.dy.size());
  ops::linear_forward<double>(pool, {.x = {layer.x.data(), kRows, kIn},
                                     .weight = layer.operand(),
                                     .bias = layer.bias.data(),
                                     .y = {with.data(), kRows, kOut}});
  ops::linear_forward<double>(pool, {.x = {layer.x.data(), kRows, kIn},
                                     .weight = layer.operand(),
                                     .y = {without.data(), kRows, kOut}});
  for (std::size_t i = 0; i < with.size(); ++i) with[i] -= layer.bias[i % kOut];
  CHECK(max_difference(with, without) < 1e-12);

  std::vector<double> dx(layer.x.size());
  ops::linear_backward<double>(pool, {.dy = {layer.dy.data(), kRows, kOut},
                                      .weight = layer.operand(),
                                      .dx = {dx.data(), kRows, kIn}});
  CHECK(max_difference(dx, central_differences(layer.x, [&] { return layer.loss(); })) < 1e-8);
}

TEST_CASE("column sums go over the rows in order, whatever the number of threads") {
  const std::vector<float> x = normal_values<float>(300 * 70, 5);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    std::vector<float> expected(67, 2.0F);
    for (std::size_t i = 0; i < 300; ++i) {
      for (std::size_t j = 0; j < 67; ++j) expected[j] += x[i * 70 + j];
    }
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      std::vector<float> sums(67, 2.0F);
      ops::add_column_sums<float>(pool, {x.data(), 300, 67, 70}, sums.data());
      CAPTURE(to_string(isa), threads);
      CHECK(same_bits(sums, expected));
    }
  }
}

}  // namespace
