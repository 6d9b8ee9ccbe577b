// SPDX-License-Identifier: MIT
#include "native/eigen_native.hpp"

#include <Eigen/Core>

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int kVectors = 12;
constexpr std::size_t kBytes = EIGEN_MAX_STATIC_ALIGN_BYTES >= 64   ? 64
                               : EIGEN_MAX_STATIC_ALIGN_BYTES >= 32 ? 32
                                                                    : 16;
using Vec __attribute__((vector_size(kBytes))) = float;

}  // namespace

void eigen_native_product(const float* a, const float* b, float* c, std::ptrdiff_t m,
                          std::ptrdiff_t k, std::ptrdiff_t n) {
  const Eigen::Map<const RowMajor> left(a, m, k);
  const Eigen::Map<const RowMajor> right(b, k, n);
  Eigen::Map<RowMajor>(c, m, n).noalias() = left * right;
}

double peak_round() {
  constexpr int kRounds = 100000;
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
