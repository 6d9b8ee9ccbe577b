// SPDX-License-Identifier: MIT
#include <solo/core/scalar.hpp>

#include "support/catch.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace {

using solo::bfloat16;
using solo::float16;

/// What the 16 bits mean, by the formula of IEEE 754 instead of by moving bits.
double meaning(std::uint32_t bits, int exponent_bits, int mantissa_bits) {
  const double sign = (bits >> 15U) != 0 ? -1.0 : 1.0;
  const auto exponent = static_cast<int>((bits >> static_cast<unsigned>(mantissa_bits)) &
                                         ((1U << static_cast<unsigned>(exponent_bits)) - 1U));
  const auto mantissa =
      static_cast<double>(bits & ((1U << static_cast<unsigned>(mantissa_bits)) - 1U));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign *
         std::ldexp(std::ldexp(1.0, mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

struct Bf16 {
  static constexpr int kExponentBits = 8;
  static constexpr int kMantissaBits = 7;
  static constexpr std::uint32_t kInfinity = 0x7F80;
  static float widen(std::uint32_t bits) {
    return to_float(bfloat16{static_cast<std::uint16_t>(bits)});
  }
  static std::uint32_t narrow(float x) { return solo::to_bfloat16(x).bits; }
};

struct F16 {
  static constexpr int kExponentBits = 5;
  static constexpr int kMantissaBits = 10;
  static constexpr std::uint32_t kInfinity = 0x7C00;
  static float widen(std::uint32_t bits) {
    return to_float(float16{static_cast<std::uint16_t>(bits)});
  }
  static std::uint32_t narrow(float x) { return solo::to_float16(x).bits; }
};

constexpr float kHuge = std::numeric_limits<float>::infinity();

}  // namespace

TEMPLATE_TEST_CASE("all 65536 patterns widen exactly and come back", "[core]", Bf16, F16) {
  int wrong_value = 0;
  int wrong_return = 0;
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const double expected = meaning(bits, TestType::kExponentBits, TestType::kMantissaBits);
    const float found = TestType::widen(bits);
    if (std::isnan(expected)) {
      wrong_value += std::isnan(found) ? 0 : 1;
      wrong_return += std::isnan(TestType::widen(TestType::narrow(found))) ? 0 : 1;
    } else {
      const bool same_sign = std::signbit(found) == std::signbit(expected);
      wrong_value += static_cast<double>(found) == expected && same_sign ? 0 : 1;
      wrong_return += TestType::narrow(found) == bits ? 0 : 1;
    }
  }
  CHECK(wrong_value == 0);
  CHECK(wrong_return == 0);
}

TEMPLATE_TEST_CASE("rounding is to nearest, ties to even, everywhere", "[core]", Bf16, F16) {
  int wrong = 0;
  // Neighbours a < b of one sign; the neighbour of the largest finite number is the value that the
  // next exponent would mean, which rounds to infinity.
  for (std::uint32_t a = 0; a < TestType::kInfinity; ++a) {
    const std::uint32_t b = a + 1;
    const double low = TestType::widen(a);
    const double high = b == TestType::kInfinity
                            ? 2 * low - static_cast<double>(TestType::widen(a - 1))
                            : static_cast<double>(TestType::widen(b));
    const auto middle = static_cast<float>((low + high) / 2);
    const std::uint32_t even = a % 2 == 0 ? a : b;
    wrong += TestType::narrow(middle) == even ? 0 : 1;
    wrong += TestType::narrow(std::nextafter(middle, 0.0F)) == a ? 0 : 1;
    wrong += TestType::narrow(std::nextafter(middle, kHuge)) == b ? 0 : 1;
    wrong += TestType::narrow(-middle) == (even | 0x8000U) ? 0 : 1;
    wrong += TestType::narrow(-std::nextafter(middle, 0.0F)) == (a | 0x8000U) ? 0 : 1;
    wrong += TestType::narrow(-std::nextafter(middle, kHuge)) == (b | 0x8000U) ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("NaN stays NaN, too large becomes infinity, tiny becomes zero", "[core]", Bf16,
                   F16) {
  for (const std::uint32_t nan : {0x7FC00000U, 0x7F800001U, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU,
                                  0x7F80FFFFU, 0xFFC00000U}) {
    CHECK(std::isnan(TestType::widen(TestType::narrow(std::bit_cast<float>(nan)))));
  }
  CHECK(TestType::narrow(kHuge) == TestType::kInfinity);
  CHECK(TestType::narrow(-kHuge) == (TestType::kInfinity | 0x8000U));
  CHECK(TestType::narrow(std::numeric_limits<float>::max()) == TestType::kInfinity);
  CHECK(TestType::narrow(std::numeric_limits<float>::lowest()) == (TestType::kInfinity | 0x8000U));
  CHECK(TestType::narrow(std::numeric_limits<float>::denorm_min()) == 0);
  CHECK(TestType::narrow(-std::numeric_limits<float>::denorm_min()) == 0x8000U);
}

TEST_CASE("known values of float16", "[core]") {
  CHECK(solo::to_float16(1.0F).bits == 0x3C00);
  CHECK(solo::to_float16(65504.0F).bits == 0x7BFF);
  CHECK(solo::to_float16(65519.99F).bits == 0x7BFF);
  CHECK(solo::to_float16(65520.0F).bits == 0x7C00);
  CHECK(solo::to_float16(0x1p-24F).bits == 0x0001);
  CHECK(solo::to_float16(0x1p-25F).bits == 0x0000);
  CHECK(solo::to_float16(0x1.8p-25F).bits == 0x0001);
  CHECK(solo::to_float16(0x1.FFCp-15F).bits == 0x0400);  // the tie below the smallest normal
}

TEST_CASE("names and sizes of the storage types", "[core]") {
  CHECK(to_string(solo::DType::float32) == "float32");
  CHECK(to_string(solo::DType::float64) == "float64");
  CHECK(to_string(solo::DType::float16) == "float16");
  CHECK(to_string(solo::DType::bfloat16) == "bfloat16");
  CHECK(size_of(solo::DType::float32) == sizeof(float));
  CHECK(size_of(solo::DType::float64) == sizeof(double));
  CHECK(size_of(solo::DType::float16) == sizeof(float16));
  CHECK(size_of(solo::DType::bfloat16) == sizeof(bfloat16));
}
