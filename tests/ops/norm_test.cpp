// SPDX-License-Identifier: MIT
#include <solo/kernels/table.hpp>
#include <solo/ops/norm.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

/// y, mean and rstd one after another; x has one unused column at the end of each row.
template <class T>
std::vector<T> norm_all(int threads, const std::vector<T>& x, Index rows, bool centered,
                        bool affine) {
  ThreadPool pool(threads);
  const Index stride = static_cast<Index>(x.size()) / rows;
  const Index cols = stride - 1;
  const std::vector<T> weight = normal_values<T>(cols, 2);
  const std::vector<T> bias = normal_values<T>(cols, 3);
  std::vector<T> y(static_cast<std::size_t>(rows * cols));
  std::vector<T> mean(static_cast<std::size_t>(rows));
  std::vector<T> rstd(mean.size());
  ops::norm_forward<T>(pool, {.x = {x.data(), rows, cols, stride},
                              .weight = affine ? weight.data() : nullptr,
                              .bias = affine ? bias.data() : nullptr,
                              .centered = centered,
                              .y = {y.data(), rows, cols},
                              .mean = mean.data(),
                              .rstd = rstd.data()});
  if (centered) y.insert(y.end(), mean.begin(), mean.end());
  y.insert(y.end(), rstd.begin(), rstd.end());
  return y;
}

template <class T>
std::vector<double> expected_norm(const std::vector<T>& x, Index rows, bool centered, bool affine) {
  const auto stride = x.size() / static_cast<std::size_t>(rows);
  const std::size_t cols = stride - 1;
  const std::vector<T> weight = normal_values<T>(static_cast<Index>(cols), 2);
  const std::vector<T> bias = normal_values<T>(static_cast<Index>(cols), 3);
  std::vector<double> y;
  std::vector<double> means;
  std::vector<double> rstds;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    const auto at = [&](std::size_t j) { return static_cast<double>(x[i * stride + j]); };
    double mean = 0.0;
    for (std::size_t j = 0; j < cols && centered; ++j) mean += at(j);
    mean /= static_cast<double>(cols);
    double var = 0.0;
    for (std::size_t j = 0; j < cols; ++j) var += (at(j) - mean) * (at(j) - mean);
    const double rstd = 1.0 / std::sqrt(var / static_cast<double>(cols) + 1e-5);
    for (std::size_t j = 0; j < cols; ++j) {
      const double normed = (at(j) - mean) * rstd;
      y.push_back(affine ? normed * static_cast<double>(weight[j]) + static_cast<double>(bias[j])
                         : normed);
    }
    means.push_back(mean);
    rstds.push_back(rstd);
  }
  if (centered) y.insert(y.end(), means.begin(), means.end());
  y.insert(y.end(), rstds.begin(), rstds.end());
  return y;
}

TEST_CASE("norm_forward follows its formula at awkward widths") {
  for (const Index cols : {1, 2, 15, 16, 17, 33, 100, 768}) {
    for (const bool centered : {true, false}) {
      for (const bool affine : {true, false}) {
        for (const Isa isa : available_isas()) {
          const ScopedIsa use(isa);
          std::vector<float> x = normal_values<float>(3 * (cols + 1), 1);
          for (float& v : x) v = 3.0F * v + 2.0F;
          CAPTURE(cols, centered, affine, to_string(isa));
          const double width_one = cols == 1 && !centered ? 1e-5 : 4e-6;
          CHECK(max_difference(norm_all(1, x, 3, centered, affine),
                               expected_norm(x, 3, centered, affine)) <
                (cols == 1 && centered ? 1e-4 : width_one));
        }
        const std::vector<double> x = normal_values<double>(3 * (cols + 1), 1);
        const auto expected = expected_norm(x, 3, centered, affine);
        CHECK(max_difference(norm_all(1, x, 3, centered, affine), expected) < 1e-10);
      }
    }
  }
}

TEST_CASE("norm gives the same bits for any number of threads and any other rows") {
  const std::vector<float> x = normal_values<float>(100 * 301, 4);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> one = norm_all(1, x, 100, true, true);
    CHECK(same_bits(norm_all(2, x, 100, true, true), one));
    CHECK(same_bits(norm_all(3, x, 100, true, true), one));
    std::vector<float> alone =
        norm_all(1, std::vector<float>(x.begin() + 7 * 301, x.begin() + 8 * 301), 1, true, true);
    alone.resize(300);
    CHECK(same_bits(alone, std::vector<float>(one.begin() + 7 * 300, one.begin() + 8 * 300)));
  }
}

TEST_CASE("a NaN spoils its row only") {
  std::vector<float> x = normal_values<float>(3 * 41, 5);
  x[41 + 39] = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> y = norm_all(1, x, 3, true, true);
    bool right = true;
    for (std::size_t i = 0; i < 120; ++i) right = right && std::isnan(y[i]) == (i / 40 == 1);
    CHECK(right);
  }
}

struct Norm {
  Index rows = 4;
  Index cols = 9;
  bool centered = true;
  std::vector<double> x = normal_values<double>(36, 6);
  std::vector<double> weight = normal_values<double>(9, 7);
  std::vector<double> bias = normal_values<double>(9, 8);
  std::vector<double> dy = normal_values<double>(36, 9);
  std::vector<double> mean = std::vector<double>(4);
  std::vector<double> rstd = std::vector<double>(4);

  double loss() {
    ThreadPool pool(1);
    std::vector<double> y(x.size());
    ops::norm_forward<double>(pool, {.x = {x.data(), rows, cols},
                                     .weight = weight.data(),
                                     .bias = bias.data(),
                                     .centered = centered,
                                     .y = {y.data(), rows, cols},
                                     .mean = mean.data(),
                                     .rstd = rstd.data()});
    return inner(y, dy);
  }
};

TEST_CASE("norm's gradients are central differences and are added to what is there") {
  for (const bool centered : {true, false}) {
    Norm norm;
    norm.centered = centered;
    const auto loss = [&] { return norm.loss(); };
    loss();
    std::vector<double> dx(36, 1.0);
    std::vector<double> dweight(9, 1.0);
    std::vector<double> dbias(9, 1.0);
    ThreadPool pool(2);
    ops::norm_backward<double>(pool, {.dy = {norm.dy.data(), 4, 9},
                                      .x = {norm.x.data(), 4, 9},
                                      .weight = norm.weight.data(),
                                      .mean = norm.mean.data(),
                                      .rstd = norm.rstd.data(),
                                      .centered = centered,
                                      .dx = {dx.data(), 4, 9},
                                      .dweight = dweight.data(),
                                      .dbias = dbias.data()});
    for (auto* gradient : {&dx, &dweight, &dbias}) {
      for (double& g : *gradient) g -= 1.0;
    }
    CAPTURE(centered);
    CHECK(max_difference(dx, central_differences(norm.x, loss)) < 1e-8);
    CHECK(max_difference(dweight, central_differences(norm.weight, loss)) < 1e-8);
    CHECK(max_difference(dbias, central_differences(norm.bias, loss)) < 1e-8);
  }
}

template <class T>
std::vector<T> norm_gradients(int threads, Index rows, Index cols) {
  ThreadPool pool(threads);
  const std::vector<T> x = normal_values<T>(rows * cols, 10);
  const std::vector<T> dy = normal_values<T>(rows * cols, 11);
  const std::vector<T> weight = normal_values<T>(cols, 12);
  std::vector<T> mean(static_cast<std::size_t>(rows), T{0});
  std::vector<T> rstd(static_cast<std::size_t>(rows), T{1});
  std::vector<T> dx(x.size());
  std::vector<T> dweight(weight.size());
  std::vector<T> dbias(weight.size());
  ops::norm_backward<T>(pool, {.dy = {dy.data(), rows, cols},
                               .x = {x.data(), rows, cols},
                               .weight = weight.data(),
                               .mean = mean.data(),
                               .rstd = rstd.data(),
                               .dx = {dx.data(), rows, cols},
                               .dweight = dweight.data(),
                               .dbias = dbias.data()});
  dx.insert(dx.end(), dweight.begin(), dweight.end());
  dx.insert(dx.end(), dbias.begin(), dbias.end());
  return dx;
}

TEST_CASE("norm's gradients in float agree with double and do not depend on the threads") {
  for (const Index cols : {1, 15, 17, 200}) {
    const std::vector<double> expected = norm_gradients<double>(1, 50, cols);
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      const std::vector<float> one = norm_gradients<float>(1, 50, cols);
      CAPTURE(cols, to_string(isa));
      CHECK(max_difference(one, expected) < 2e-5);
      CHECK(same_bits(norm_gradients<float>(2, 50, cols), one));
      CHECK(same_bits(norm_gradients<float>(3, 50, cols), one));
    }
  }
}

}  // namespace
