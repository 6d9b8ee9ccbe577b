// SPDX-License-Identifier: MIT
/// @file
/// Numbers for tests of kernels and operations: random data, comparisons, central differences.
#pragma once

#include <solo/core/rng.hpp>
#include <solo/core/scalar.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace solo::test {

/// Standard normal values, the same for every T but for rounding.
template <class T>
std::vector<T> normal_values(Index count, std::uint64_t seed) {
  const Philox random(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(random.normal(i));
  return values;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// The largest |a − b|, infinite when the sizes differ or a NaN is met.
template <class A, class B>
double max_difference(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = d <= worst ? worst : (std::isnan(d) ? HUGE_VAL : d);
  }
  return worst;
}

/// ∂f/∂x by central differences; f() reads x.
template <class F>
std::vector<double> central_differences(std::vector<double>& x, const F& f, double step = 1e-5) {
  std::vector<double> gradient(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double at = x[i];
    x[i] = at + step;
    const double up = f();
    x[i] = at - step;
    const double down = f();
    x[i] = at;
    gradient[i] = (up - down) / (2.0 * step);
  }
  return gradient;
}

/// Σ aᵢ · bᵢ: turns a result into a loss with the gradient b.
inline double inner(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace solo::test
