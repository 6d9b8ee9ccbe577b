// SPDX-License-Identifier: MIT
/// @file
/// Scalar types: the model computes in float or double; 16-bit floats only store weights.
#pragma once

#include <solo/core/config.hpp>

#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Signed size of everything that is counted.
using Index = std::ptrdiff_t;

/// A type the model computes in.
template <class T>
concept Scalar = std::same_as<T, float> || std::same_as<T, double>;

/// How weights are stored, in files or in memory.
enum class DType { float32, float64, float16, bfloat16 };

/// "float32", "float64", "float16" or "bfloat16", torch's names.
[[nodiscard]] constexpr std::string_view to_string(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::float16:
      return "float16";
    case DType::bfloat16:
      return "bfloat16";
  }
  return "unknown";
}

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return 4;
    case DType::float64:
      return 8;
    case DType::float16:
    case DType::bfloat16:
      return 2;
  }
  return 0;
}

/// bfloat16 storage: the upper half of a float.
struct bfloat16 {
  std::uint16_t bits = 0;
};

/// IEEE 754 binary16 storage.
struct float16 {
  std::uint16_t bits = 0;
};

/// Exact.
[[nodiscard]] constexpr float to_float(bfloat16 x) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16U);
}

/// Exact, subnormals, infinities and NaN included.
[[nodiscard]] constexpr float to_float(float16 x) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (x.bits >> 10U) & 0x1FU;
  std::uint32_t mantissa = x.bits & 0x3FFU;
  if (exponent == 31U) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13U));
  if (exponent != 0U) {
    return std::bit_cast<float>(sign | ((exponent + 112U) << 23U) | (mantissa << 13U));
  }
  if (mantissa == 0U) return std::bit_cast<float>(sign);
  const int shift = std::countl_zero(mantissa) - 21;  // brings the leading one to bit 10
  mantissa = (mantissa << static_cast<unsigned>(shift)) & 0x3FFU;
  return std::bit_cast<float>(sign | (static_cast<std::uint32_t>(113 - shift) << 23U) |
                              (mantissa << 13U));
}

/// Whether |x| rounds to a finite bfloat16; false for NaN.
template <Scalar T>
[[nodiscard]] constexpr bool fits_bfloat16(T x) noexcept {
  constexpr T kLimit = static_cast<T>(0x1.FFp127);
  return x > -kLimit && x < kLimit;
}

/// Rounds to nearest, ties to even; NaN stays NaN; beyond the range becomes infinity.
[[nodiscard]] constexpr bfloat16 to_bfloat16(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
    return {static_cast<std::uint16_t>((bits >> 16U) | 0x40U)};
  }
  return {static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U)};
}

/// Rounds to nearest, ties to even; NaN stays NaN; beyond the range becomes infinity.
[[nodiscard]] constexpr float16 to_float16(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16U) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return {static_cast<std::uint16_t>(sign | 0x7E00U)};
  if (magnitude >= 0x477FF000U) return {static_cast<std::uint16_t>(sign | 0x7C00U)};
  if (magnitude < 0x33000001U) return {static_cast<std::uint16_t>(sign)};  // at most 2^-25
  std::uint32_t mantissa = magnitude;
  std::uint32_t drop = 13;
  if (magnitude < 0x38800000U) {  // subnormal: the hidden one is shifted in
    mantissa = (magnitude & 0x7FFFFFU) | 0x800000U;
    drop = 126U - (magnitude >> 23U);
  } else {
    mantissa -= 112U << 23U;
  }
  const std::uint32_t half = 1U << (drop - 1U);
  const std::uint32_t rounded = (mantissa + (half - 1U) + ((mantissa >> drop) & 1U)) >> drop;
  return {static_cast<std::uint16_t>(sign | rounded)};
}

/// False for NaN and infinities.
[[nodiscard]] inline bool is_finite(double x) noexcept {
  return std::isfinite(x);
}

}  // namespace solo::inline SOLO_ABI
