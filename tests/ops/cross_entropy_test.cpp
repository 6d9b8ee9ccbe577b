// SPDX-License-Identifier: MIT
#include <solo/kernels/table.hpp>
#include <solo/ops/cross_entropy.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

struct Result {
  std::vector<double> losses;
  std::vector<double> nll;
};

template <class T>
Result run(int threads, std::vector<T>& logits, const std::vector<int>& targets, double smoothing,
           bool gradient) {
  ThreadPool pool(threads);
  const auto rows = static_cast<Index>(targets.size());
  const Index stride = static_cast<Index>(logits.size()) / rows;
  Result result{std::vector<double>(targets.size()), std::vector<double>(targets.size())};
  ops::cross_entropy<T>(pool, {.logits = {logits.data(), rows, stride - 1, stride},
                               .targets = targets,
                               .label_smoothing = smoothing,
                               .gradient = gradient,
                               .gradient_scale = 0.25,
                               .losses = result.losses.data(),
                               .nll = result.nll.data()});
  return result;
}

/// Losses, nll and gradients by the definition.
template <class T>
std::vector<double> expected(const std::vector<T>& logits, const std::vector<int>& targets,
                             double smoothing, Result& result) {
  const std::size_t stride = logits.size() / targets.size();
  const std::size_t cols = stride - 1;
  std::vector<double> gradient;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto at = [&](std::size_t j) { return static_cast<double>(logits[i * stride + j]); };
    double top = at(0);
    for (std::size_t j = 1; j < cols; ++j) top = std::max(top, at(j));
    double sum = 0.0;
    for (std::size_t j = 0; j < cols; ++j) sum += std::exp(at(j) - top);
    const double lse = top + std::log(sum);
    const auto target = static_cast<std::size_t>(targets[i]);
    double mean = 0.0;
    for (std::size_t j = 0; j < cols; ++j) mean += (lse - at(j)) / static_cast<double>(cols);
    result.nll.push_back(lse - at(target));
    result.losses.push_back((1.0 - smoothing) * (lse - at(target)) + smoothing * mean);
    for (std::size_t j = 0; j < cols; ++j) {
      const double label =
          smoothing / static_cast<double>(cols) + (j == target ? 1.0 - smoothing : 0.0);
      gradient.push_back((std::exp(at(j) - lse) - label) * 0.25);
    }
    gradient.push_back(at(cols));
  }
  return gradient;
}

TEST_CASE("cross-entropy and its gradient at awkward widths") {
  for (const Index cols : {1, 2, 15, 16, 17, 31, 50, 1003}) {
    for (const double smoothing : {0.0, 0.1}) {
      const auto last = static_cast<int>(cols) - 1;
      const std::vector<int> targets = {0, last, last / 2};
      std::vector<double> wide = normal_values<double>(3 * (cols + 1), 1);
      for (double& x : wide) x *= 5.0;
      std::vector<float> narrow(wide.begin(), wide.end());
      Result exact;
      const std::vector<double> gradient = expected(narrow, targets, smoothing, exact);
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        std::vector<float> logits = narrow;
        const Result without = run(1, logits, targets, smoothing, false);
        CAPTURE(cols, smoothing, to_string(isa));
        CHECK(same_bits(logits, narrow));
        const Result with = run(1, logits, targets, smoothing, true);
        CHECK(max_difference(with.losses, exact.losses) < 2e-6);
        CHECK(max_difference(with.nll, exact.nll) < 2e-6);
        CHECK(same_bits(with.losses, without.losses));
        CHECK(max_difference(logits, gradient) < 2e-7);
      }
      Result exact_wide;
      const std::vector<double> wide_gradient = expected(wide, targets, smoothing, exact_wide);
      const Result with = run(1, wide, targets, smoothing, true);
      CHECK(max_difference(with.losses, exact_wide.losses) < 1e-12);
      CHECK(max_difference(wide, wide_gradient) < 1e-12);
    }
  }
}

TEST_CASE("the gradient of cross-entropy is its central differences") {
  std::vector<double> logits = normal_values<double>(2 * 8, 2);
  const std::vector<int> targets = {3, 6};
  const auto loss = [&] {
    std::vector<double> copy = logits;
    const Result result = run(1, copy, targets, 0.1, false);
    return 0.25 * (result.losses[0] + result.losses[1]);
  };
  std::vector<double> differences = central_differences(logits, loss);
  std::vector<double> gradient = logits;
  run(1, gradient, targets, 0.1, true);
  for (const std::size_t unused : {7U, 15U}) gradient[unused] = differences[unused] = 0.0;
  CHECK(max_difference(gradient, differences) < 1e-9);
}

TEST_CASE("cross-entropy gives the same bits for any number of threads and any other rows") {
  const std::vector<float> narrow = normal_values<float>(20 * 501, 3);
  std::vector<int> targets;
  for (int i = 0; i < 20; ++i) targets.push_back(i * 7);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    std::vector<float> one = narrow;
    const Result first = run(1, one, targets, 0.1, true);
    for (const int threads : {2, 3}) {
      std::vector<float> other = narrow;
      const Result result = run(threads, other, targets, 0.1, true);
      CHECK(same_bits(other, one));
      CHECK(same_bits(result.losses, first.losses));
    }
    std::vector<float> alone(narrow.begin() + 9 * 501, narrow.begin() + 10 * 501);
    const Result result = run(1, alone, {targets[9]}, 0.1, true);
    CHECK(same_bits(alone, std::vector<float>(one.begin() + 9 * 501, one.begin() + 10 * 501)));
    CHECK(result.losses[0] == first.losses[9]);
  }
}

TEST_CASE("cross-entropy of extreme logits") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    CAPTURE(to_string(isa));
    std::vector<float> huge = {1e30F, -1e30F, 3e38F, 0.0F};
    CHECK(run(1, huge, {2}, 0.0, true).losses[0] == 0.0);
    CHECK(max_difference(huge, std::vector<double>{0.0, 0.0, 0.0, 0.0}) == 0.0);
    // A class that is ruled out does not spoil the others.
    std::vector<float> ruled_out = {1.0F, -infinity, 1.0F, 0.0F};
    CHECK(run(1, ruled_out, {2}, 0.0, true).losses[0] == Approx(std::log(2.0)));
    CHECK(max_difference(ruled_out, std::vector<double>{0.125, 0.0, -0.125, 0.0}) < 1e-7);
    std::vector<float> bad = {1.0F, std::numeric_limits<float>::quiet_NaN(), 1.0F, 0.0F};
    CHECK(std::isnan(run(1, bad, {2}, 0.0, true).losses[0]));
    CHECK(std::isnan(bad[0]));
    std::vector<float> infinite = {1.0F, infinity, 1.0F, 0.0F};
    CHECK(std::isnan(run(1, infinite, {2}, 0.0, true).losses[0]));
  }
}

}  // namespace
