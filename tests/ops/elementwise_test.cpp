// SPDX-License-Identifier: MIT
#include <solo/kernels/table.hpp>
#include <solo/ops/elementwise.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <array>
#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

constexpr std::array<Activation, 7> kAll = {
    Activation::identity, Activation::gelu_new, Activation::gelu,   Activation::relu,
    Activation::silu,     Activation::tanh,     Activation::sigmoid};

double exact_activation(Activation f, double x) {
  const double pi = std::acos(-1.0);
  switch (f) {
    case Activation::identity:
      return x;
    case Activation::gelu_new:
      return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / pi) * (x + 0.044715 * x * x * x)));
    case Activation::gelu:
      return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::silu:
      return x / (1.0 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
  }
  return x;
}

template <class T>
std::vector<T> activated(int threads, Activation f, const std::vector<T>& x, Index rows) {
  ThreadPool pool(threads);
  const Index cols = static_cast<Index>(x.size()) / rows;
  std::vector<T> y(x.size());
  ops::activation_forward<T>(pool, f, {x.data(), rows, cols}, {y.data(), rows, cols});
  return y;
}

TEST_CASE("activations are their formulas") {
  for (const Activation f : kAll) {
    const std::vector<double> x = normal_values<double>(600, 1);
    std::vector<double> expected;
    for (const double v : x) expected.push_back(exact_activation(f, v));
    CAPTURE(to_string(f));
    CHECK(max_difference(activated(1, f, x, 6), expected) < 1e-12);
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      const std::vector<float> narrow = normal_values<float>(600, 1);
      CHECK(max_difference(activated(1, f, narrow, 6), expected) < 1e-6);
    }
  }
}

TEST_CASE("activations pass NaN and give the same bits for any number of threads") {
  for (const Activation f : kAll) {
    std::vector<float> x = normal_values<float>(20000, 2);
    x[77] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> one = activated(1, f, x, 40);
    CAPTURE(to_string(f));
    CHECK(std::isnan(one[77]));
    CHECK(same_bits(activated(2, f, x, 40), one));
    CHECK(same_bits(activated(3, f, x, 40), one));
  }
}

TEST_CASE("the backward of activations is the derivative, added to what is there") {
  ThreadPool pool(2);
  for (const Activation f : kAll) {
    std::vector<double> x = normal_values<double>(60, 3);
    const std::vector<double> dy = normal_values<double>(60, 4);
    std::vector<double> dx(60, 1.0);
    ops::activation_backward<double>(
        pool, {.f = f, .x = {x.data(), 6, 10}, .dy = {dy.data(), 6, 10}, .dx = {dx.data(), 6, 10}});
    for (double& g : dx) g -= 1.0;
    const auto loss = [&] { return inner(activated(1, f, x, 6), dy); };
    CAPTURE(to_string(f));
    CHECK(max_difference(dx, central_differences(x, loss)) < 1e-8);
  }
}

template <class T>
std::vector<T> dropped(int threads, const std::vector<T>& x, double p, bool accumulate) {
  ThreadPool pool(threads);
  const Index cols = static_cast<Index>(x.size()) / 50;
  std::vector<T> y(x.size(), T{1});
  ops::dropout<T>(pool, {.x = {x.data(), 50, cols},
                         .p = p,
                         .random = Philox(5, 6),
                         .y = {y.data(), 50, cols},
                         .accumulate = accumulate});
  return y;
}

TEST_CASE("dropout takes each element's decision from its number") {
  const Philox random(5, 6);
  for (const Index cols : {1, 3, 64, 301}) {
    for (const bool accumulate : {false, true}) {
      const std::vector<double> x = normal_values<double>(50 * cols, 7);
      std::vector<double> expected;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double kept = random.uniform(i) >= 0.3F ? x[i] / 0.7 : 0.0;
        expected.push_back(accumulate ? 1.0 + kept : kept);
      }
      CHECK(max_difference(dropped(1, x, 0.3, accumulate), expected) < 1e-14);
      const std::vector<float> narrow = normal_values<float>(50 * cols, 7);
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        const std::vector<float> one = dropped(1, narrow, 0.3, accumulate);
        CAPTURE(cols, accumulate, to_string(isa));
        CHECK(max_difference(one, expected) < 2e-6);
        CHECK(same_bits(dropped(2, narrow, 0.3, accumulate), one));
        CHECK(same_bits(dropped(3, narrow, 0.3, accumulate), one));
      }
    }
  }
}

TEST_CASE("dropout with p = 0 is the identity") {
  const std::vector<float> x = normal_values<float>(50 * 21, 8);
  CHECK(same_bits(dropped(2, x, 0.0, false), x));
}

TEST_CASE("sums and products element by element") {
  ThreadPool pool(2);
  for (const Index cols : {1, 17, 200}) {
    const Index rows = 60;
    const Index stride = cols + 1;
    const std::vector<float> x = normal_values<float>(rows * stride, 9);
    const std::vector<float> y = normal_values<float>(rows * stride, 10);
    const std::vector<float> a = normal_values<float>(cols, 11);
    std::vector<double> sum;
    std::vector<double> scaled;
    std::vector<double> products(static_cast<std::size_t>(cols), 3.0);
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < stride; ++j) {
        const auto at = static_cast<std::size_t>(i * stride + j);
        const double u = static_cast<double>(x[at]);
        const double v = static_cast<double>(y[at]);
        sum.push_back(j < cols ? v - 0.5 * u : v);
        const auto col = static_cast<std::size_t>(j);
        scaled.push_back(j < cols ? v + static_cast<double>(a[col]) * u : v);
        if (j < cols) products[col] += u * v;
      }
    }
    const ConstMatrixView<float> view(x.data(), rows, cols, stride);
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      std::vector<float> out = y;
      ops::add_scaled<float>(pool, -0.5F, view, {out.data(), rows, cols, stride});
      CAPTURE(cols, to_string(isa));
      CHECK(max_difference(out, sum) < 1e-6);
      out = y;
      ops::scale_columns<float>(
          pool,
          {.x = view, .a = a.data(), .y = {out.data(), rows, cols, stride}, .accumulate = true});
      CHECK(max_difference(out, scaled) < 2e-6);
      out.assign(static_cast<std::size_t>(cols), 3.0F);
      ops::add_column_products<float>(pool, view, {y.data(), rows, cols, stride}, out.data());
      CHECK(max_difference(out, products) < 2e-5);
    }
  }
}

}  // namespace
