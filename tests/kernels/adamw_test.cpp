// SPDX-License-Identifier: MIT
#include <solo/kernels/adamw.hpp>
#include <solo/kernels/table.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

namespace {

using namespace solo;
using namespace solo::test;

/// Three steps from the same start; value, m and v one after another.
template <class T>
std::vector<T> three_steps(int threads, Index size) {
  ThreadPool pool(threads);
  std::vector<T> value = normal_values<T>(size, 1);
  std::vector<T> m(value.size());
  std::vector<T> v(value.size());
  for (int t = 1; t <= 3; ++t) {
    const std::vector<T> gradient = normal_values<T>(size, 10 + static_cast<std::uint64_t>(t));
    adamw_update<T>(pool, {.value = value,
                           .gradient = gradient,
                           .m = m,
                           .v = v,
                           .gradient_scale = 0.5,
                           .learning_rate = 0.01,
                           .weight_decay = 0.1,
                           .correction1 = 1.0 - std::pow(0.9, t),
                           .correction2 = 1.0 - std::pow(0.999, t)});
  }
  value.insert(value.end(), m.begin(), m.end());
  value.insert(value.end(), v.begin(), v.end());
  return value;
}

/// The formulas of torch.optim.AdamW, in double.
std::vector<double> expected_steps(Index size) {
  std::vector<double> value;
  std::vector<double> first;
  std::vector<double> second;
  for (const float x : normal_values<float>(size, 1)) value.push_back(static_cast<double>(x));
  first.resize(value.size());
  second.resize(value.size());
  for (int t = 1; t <= 3; ++t) {
    const std::vector<float> gradient =
        normal_values<float>(size, 10 + static_cast<std::uint64_t>(t));
    for (std::size_t i = 0; i < value.size(); ++i) {
      const double g = 0.5 * static_cast<double>(gradient[i]);
      first[i] = 0.9 * first[i] + 0.1 * g;
      second[i] = 0.999 * second[i] + 0.001 * g * g;
      const double root = std::sqrt(second[i]) / std::sqrt(1.0 - std::pow(0.999, t));
      value[i] -= 0.01 * 0.1 * value[i];
      value[i] -= 0.01 / (1.0 - std::pow(0.9, t)) * first[i] / (root + 1e-8);
    }
  }
  value.insert(value.end(), first.begin(), first.end());
  value.insert(value.end(), second.begin(), second.end());
  return value;
}

TEST_CASE("AdamW follows torch's formulas at awkward sizes") {
  for (const Index size : {0, 1, 7, 8, 15, 16, 17, 33, 1000}) {
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      CAPTURE(size, to_string(isa));
      CHECK(max_difference(three_steps<float>(1, size), expected_steps(size)) < 1e-6);
    }
    CHECK(max_difference(three_steps<double>(1, size), expected_steps(size)) < 1e-6);
  }
}

TEST_CASE("AdamW gives the same bits for every number of threads") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> one = three_steps<float>(1, 20011);
    CHECK(same_bits(three_steps<float>(2, 20011), one));
    CHECK(same_bits(three_steps<float>(3, 20011), one));
  }
}

}  // namespace
