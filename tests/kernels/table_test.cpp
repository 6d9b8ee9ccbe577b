// SPDX-License-Identifier: MIT
// Row kernels of every instruction set against the same formula in double.
#include <solo/kernels/table.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Every 1009th float of [from, to], both of one sign, from the smaller magnitude on.
std::vector<float> floats_between(float from, float to) {
  std::vector<float> values;
  for (auto bits = std::bit_cast<std::uint32_t>(from); bits <= std::bit_cast<std::uint32_t>(to);
       bits += 1009) {
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

double ulp(double x) {
  return std::max(std::ldexp(1.0, std::ilogb(x) - 23), 0x1p-149);
}

double worst_exp_ulps(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  kernels<float>().exp(static_cast<Index>(x.size()), x.data(), y.data());
  double worst = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    worst = std::max(worst, std::abs(static_cast<double>(y[i]) - exact) / ulp(exact));
  }
  return worst;
}

TEST_CASE("exp is within 2 ulp over its whole range") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    CAPTURE(to_string(isa));
    CHECK(worst_exp_ulps(floats_between(0.0F, 88.7F)) <= 2.0);
    CHECK(worst_exp_ulps(floats_between(-0.0F, -87.0F)) <= 2.0);
    CHECK(worst_exp_ulps(floats_between(-87.0F, -103.0F)) <= 2.0);  // subnormal results
  }
}

TEST_CASE("exp of special values") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> x = {-kInfinity, kInfinity, kNan, 0.0F, -200.0F, 89.0F, -1e30F};
    std::vector<float> y(x.size());
    kernels<float>().exp(7, x.data(), y.data());
    CAPTURE(to_string(isa));
    CHECK(y[0] == 0.0F);
    CHECK(y[1] == kInfinity);
    CHECK(std::isnan(y[2]));
    CHECK(y[3] == 1.0F);
    CHECK(y[4] == 0.0F);
    CHECK(y[5] == kInfinity);
    CHECK(y[6] == 0.0F);
  }
}

double gelu_argument(double x) {
  return 2.0 * std::sqrt(2.0 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
}

TEST_CASE("gelu_new is accurate relative to its own size, far into the negative tail") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    double worst = 0.0;
    for (const auto& x : {floats_between(1e-30F, 30.0F), floats_between(-1e-30F, -9.0F)}) {
      std::vector<float> y(x.size());
      kernels<float>().gelu_new(static_cast<Index>(x.size()), x.data(), y.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double u = gelu_argument(static_cast<double>(x[i]));
        const double exact = static_cast<double>(x[i]) / (1.0 + std::exp(-u));
        // Rounding the argument of exp costs some |u| half-ulps.
        const double allowed = std::abs(exact) * 0x1p-23 * (4.0 + 1.5 * std::abs(std::min(u, 0.0)));
        worst = std::max(worst, std::abs(static_cast<double>(y[i]) - exact) / allowed);
      }
    }
    CAPTURE(to_string(isa));
    CHECK(worst <= 1.0);
  }
}

TEST_CASE("gelu_new and its slope at large, infinite and NaN arguments") {
  const std::vector<float> x = {-1e38F, -1e10F, -40.0F, -10.0F, 10.0F,    40.0F,
                                1e10F,  1e38F,  kNan,   0.0F,   kInfinity};
  const std::vector<float> ones(x.size(), 1.0F);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    std::vector<float> y(x.size());
    std::vector<float> slope(x.size());
    kernels<float>().gelu_new(11, x.data(), y.data());
    kernels<float>().gelu_new_backward(11, x.data(), ones.data(), slope.data(), true);
    CAPTURE(to_string(isa));
    for (const std::size_t i : {0U, 1U, 2U, 3U}) {
      CHECK(std::abs(y[i]) < 1e-30F);
      CHECK(std::abs(slope[i]) < 1e-30F);
    }
    for (const std::size_t i : {4U, 5U, 6U, 7U, 10U}) {
      CHECK(y[i] == x[i]);
      CHECK(slope[i] == Approx(1.0).epsilon(1e-6));
    }
    CHECK(std::isnan(y[8]));
    CHECK(std::isnan(slope[8]));
    CHECK(y[9] == 0.0F);
    CHECK(slope[9] == Approx(0.5));
  }
}

TEST_CASE("the slope of gelu_new is the derivative") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> x = normal_values<float>(1000, 1);
    const std::vector<float> dy = normal_values<float>(1000, 2);
    std::vector<float> dx(x.size(), 1.0F);
    kernels<float>().gelu_new_backward(1000, x.data(), dy.data(), dx.data(), true);
    std::vector<double> expected;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto at = static_cast<double>(x[i]);
      const double s = 1.0 / (1.0 + std::exp(-gelu_argument(at)));
      const double inner = 2.0 * std::sqrt(2.0 / std::acos(-1.0)) * (1.0 + 0.134145 * at * at);
      expected.push_back(1.0 + (s + at * s * (1.0 - s) * inner) * static_cast<double>(dy[i]));
    }
    CAPTURE(to_string(isa));
    CHECK(max_difference(dx, expected) < 4e-6);
  }
}

TEST_CASE("a vector's elements do not depend on its length") {
  const std::vector<float> x = normal_values<float>(100, 3);
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    std::vector<float> all(x.size());
    kernels<float>().gelu_new(100, x.data(), all.data());
    for (Index n = 0; n <= 40; ++n) {
      std::vector<float> some(static_cast<std::size_t>(n) + 1, 7.0F);
      kernels<float>().gelu_new(n, x.data(), some.data());
      CAPTURE(to_string(isa), n);
      CHECK(some.back() == 7.0F);
      some.pop_back();
      CHECK(same_bits(some, std::vector<float>(all.begin(), all.begin() + n)));
    }
  }
}

/// Sizes around those of one to four vectors of each instruction set.
constexpr Index kAwkwardSizes[] = {0,  1,  2,  3,  4,  5,  7,  8,  9,  12, 15, 16,
                                   17, 31, 32, 33, 47, 63, 64, 65, 79, 80, 130};

/// f(n, x, y, z) changes z as e(x, y, z) says in double, and nothing behind its n elements.
template <class F, class E>
void check_elements(const F& f, const E& expected) {
  for (const Index n : kAwkwardSizes) {
    const std::vector<float> x = normal_values<float>(n + 3, 21);
    const std::vector<float> y = normal_values<float>(n + 3, 22);
    const std::vector<float> before = normal_values<float>(n + 3, 23);
    std::vector<double> exact(before.begin(), before.end());
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      exact[i] = expected(static_cast<double>(x[i]), static_cast<double>(y[i]), exact[i]);
    }
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      std::vector<float> z = before;
      f(n, x.data(), y.data(), z.data());
      CAPTURE(to_string(isa), n);
      CHECK(max_difference(z, exact) < 4e-6);
      CHECK(std::equal(z.begin() + n, z.end(), before.begin() + n));
    }
  }
}

TEST_CASE("element-wise kernels follow their formulas at awkward sizes") {
  const auto& table = kernels<float>;
  check_elements([&](Index n, const float* x, const float*, float* z) { table().exp(n, x, z); },
                 [](double x, double, double) { return std::exp(x); });
  check_elements(
      [&](Index n, const float* x, const float*, float* z) { table().add_scaled(n, 0.75F, x, z); },
      [](double x, double, double z) { return z + 0.75 * x; });
  check_elements([&](Index n, const float* x, const float* y,
                     float* z) { table().multiply(n, x, y, z, false); },
                 [](double x, double y, double) { return x * y; });
  check_elements([&](Index n, const float* x, const float* y,
                     float* z) { table().multiply(n, x, y, z, true); },
                 [](double x, double y, double z) { return z + x * y; });
  check_elements(
      [&](Index n, const float*, const float*, float* z) { table().affine(n, 1.5F, -0.25F, z); },
      [](double, double, double z) { return 1.5 * z - 0.25; });
}

TEST_CASE("the sums of logits follow their formulas at awkward sizes") {
  for (const Index n : kAwkwardSizes) {
    if (n == 0) continue;
    const std::vector<float> x = normal_values<float>(n + 2, 24);
    double top = -HUGE_VAL;
    double total = 0.0;
    for (Index i = 0; i < n; ++i) {
      top = std::max(top, static_cast<double>(x[static_cast<std::size_t>(i)]));
      total += static_cast<double>(x[static_cast<std::size_t>(i)]);
    }
    std::vector<double> weights(x.begin(), x.end());
    double sum = 0.0;
    for (Index i = 0; i < n; ++i) {
      double& w = weights[static_cast<std::size_t>(i)];
      w = std::exp(w - top);
      sum += w;
    }
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      std::vector<float> kept = x;
      const detail::LogitSums sums = kernels<float>().logit_sums(n, kept.data(), true);
      CAPTURE(to_string(isa), n);
      CHECK(sums.top == top);
      CHECK(sums.exp_sum == Approx(sum).epsilon(1e-6));
      CHECK(std::abs(sums.total - total) < 1e-5);
      CHECK(max_difference(kept, weights) < 1e-6);
    }
  }
}

TEST_CASE("dropout keeps exactly what Philox decides, wherever the row starts") {
  const Philox random(0x123456789abcdef0U, 77);
  for (const double p : {0.0, 0.1, 0.5, 0.9}) {
    const detail::DropoutRule rule(p, random);
    for (const std::uint64_t first : {0ULL, 1ULL, 6ULL, 63ULL, 0xffffffffULL, 0x7ffffffffffffULL}) {
      const std::vector<float> x(150, 1.0F);
      std::vector<double> expected;
      for (std::uint64_t i = 0; i < 150; ++i) {
        const bool kept = random.uniform(first + i) >= static_cast<float>(p);
        expected.push_back(kept ? 1.0 / (1.0 - p) : 0.0);
      }
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        std::vector<float> y(150);
        kernels<float>().dropout(150, x.data(), y.data(), rule, first, false);
        CAPTURE(to_string(isa), p, first);
        CHECK(max_difference(y, expected) < 1e-6);
      }
    }
  }
}

TEST_CASE("the search for what is not less finds every element, from anywhere on") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const KernelTable<float>& table = kernels<float>();
    for (const Index size : {1, 7, 16, 31, 100}) {
      std::vector<float> x = normal_values<float>(size, 5);
      x[static_cast<std::size_t>(size / 2)] = kNan;
      if (size > 20) x[3] = kInfinity;
      if (size > 20) x[19] = -kInfinity;
      for (const float limit : {-kInfinity, -1.0F, 0.0F, x[0], 2.5F, kInfinity}) {
        CAPTURE(to_string(isa), size, limit);
        int wrong = 0;
        for (Index begin = 0; begin <= size; ++begin) {
          Index expected = begin;
          while (expected < size && x[static_cast<std::size_t>(expected)] < limit) ++expected;
          wrong += table.find_not_less(begin, size, x.data(), limit) == expected ? 0 : 1;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("the largest element passes over NaN") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Index size : {1, 7, 16, 31, 100}) {
      std::vector<float> x = normal_values<float>(size, 6);
      const float largest = *std::max_element(x.begin(), x.end());
      CAPTURE(to_string(isa), size);
      CHECK(kernels<float>().maximum(size, x.data()) == largest);
      x.push_back(kNan);
      CHECK(kernels<float>().maximum(size + 1, x.data()) == largest);
    }
    CHECK(kernels<float>().maximum(0, nullptr) == -kInfinity);
  }
}

}  // namespace
