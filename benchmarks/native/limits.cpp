// SPDX-License-Identifier: MIT
#include "native/limits.hpp"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <vector>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

constexpr int kVectors = 12;
constexpr int kRounds = 100000;
#if defined(__AVX512F__)
constexpr std::size_t kBytes = 64;
#elif defined(__AVX__)
constexpr std::size_t kBytes = 32;
#else
constexpr std::size_t kBytes = 16;
#endif
using Vec __attribute__((vector_size(kBytes))) = float;

}  // namespace

double peak_round() {
  Vec x = Vec{} + 0.5F;
  // Different starts, or the compiler would see twelve times the same sum.
  Vec s0 = x + 0.0F, s1 = x + 1.0F, s2 = x + 2.0F, s3 = x + 3.0F, s4 = x + 4.0F, s5 = x + 5.0F,
      s6 = x + 6.0F, s7 = x + 7.0F, s8 = x + 8.0F, s9 = x + 9.0F, s10 = x + 10.0F, s11 = x + 11.0F;
  for (int i = 0; i < kRounds; ++i) {
    s0 = s0 * x + x;
    s1 = s1 * x + x;
    s2 = s2 * x + x;
    s3 = s3 * x + x;
    s4 = s4 * x + x;
    s5 = s5 * x + x;
    s6 = s6 * x + x;
    s7 = s7 * x + x;
    s8 = s8 * x + x;
    s9 = s9 * x + x;
    s10 = s10 * x + x;
    s11 = s11 * x + x;
    __asm__ volatile("" : "+v"(x));
  }
  Vec sum = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7 + s8 + s9 + s10 + s11;
  __asm__ volatile("" : "+v"(sum));
  return 2.0 * kVectors * kRounds * static_cast<double>(kBytes / sizeof(float));
}

double peak_bfloat16_round() {
#if defined(__AVX512BF16__)
  __m512bh x{};
  __asm__ volatile("" : "+v"(x));
  __m512 sums[kVectors] = {};
  for (int i = 0; i < kRounds; ++i) {
#pragma GCC unroll 12
    for (__m512& sum : sums) {
      sum = _mm512_dpbf16_ps(sum, x, x);
      __asm__ volatile("" : "+v"(sum));  // each of them is really computed
    }
  }
  return 2.0 * kVectors * kRounds * 32.0;
#else
  return 0.0;
#endif
}

namespace {

/// The most work a second of CPU time in some rounds; round() returns how much it was.
template <class Round>
double best_rate(int rounds, const Round& round) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  double best = 0.0;
  for (int i = 0; i < rounds; ++i) {
    const double start = now();
    const double work = round();
    best = std::max(best, work / (now() - start));
  }
  return best;
}

}  // namespace

double measured_peak(double (*round)()) {
  return best_rate(5, round);
}

double measured_stream(std::size_t count) {
  const std::size_t size = count / 3;
  const std::vector<float> y(size, 1.0F);
  const std::vector<float> z(size, 2.0F);
  std::vector<float> x(size);
  const std::size_t repeats = std::max<std::size_t>(1, (std::size_t{1} << 22) / count);
  return best_rate(10, [&] {
    for (std::size_t r = 0; r < repeats; ++r) {
      for (std::size_t i = 0; i < size; ++i) x[i] = y[i] + 0.5F * z[i];
      __asm__ volatile("" : : "r"(x.data()) : "memory");
    }
    return 3.0 * sizeof(float) * static_cast<double>(size * repeats);
  });
}

float read_memory(const float* values, std::size_t count) {
  constexpr std::size_t kLanes = kBytes / sizeof(float);
  constexpr std::size_t kStep = 8 * kLanes;
  Vec sums[8] = {};
  for (std::size_t i = 0; i < count; i += kStep) {
    for (std::size_t k = 0; k < 8; ++k) {
      Vec v;
      std::memcpy(&v, values + i + k * kLanes, sizeof v);
      sums[k] += v;
    }
  }
  Vec total = {};
  for (const Vec& sum : sums) total += sum;
  float result = 0.0F;
  for (std::size_t i = 0; i < kLanes; ++i) result += total[i];
  return result;
}
