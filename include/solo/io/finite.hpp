// SPDX-License-Identifier: MIT
/// @file
/// Finding NaN and infinities in stored weights, and converting them, at the speed of memory.
#pragma once

#include <solo/core/scalar.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

namespace solo::inline SOLO_ABI::detail {

/// The exponent's bits of every element in 8 bytes, and the lowest of them.
struct ExponentMask {
  std::uint64_t all = 0;
  std::uint64_t lowest = 0;
};

[[nodiscard]] constexpr ExponentMask exponent_mask(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return {0x7F8000007F800000U, 0x0080000000800000U};
    case DType::float64:
      return {0x7FF0000000000000U, 0x0010000000000000U};
    case DType::float16:
      return {0x7C007C007C007C00U, 0x0400040004000400U};
    case DType::bfloat16:
      return {0x7F807F807F807F80U, 0x0080008000800080U};
  }
  return {};
}

/// Whether no element is NaN or infinite: adding one to an exponent of ones carries into the sign
/// bit, which the mask has cleared. `bytes` needs no alignment and holds whole elements.
[[nodiscard]] inline bool all_finite(std::span<const std::byte> bytes, DType dtype) noexcept {
  const ExponentMask mask = exponent_mask(dtype);
  const std::uint64_t sign = mask.all + mask.lowest;
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t carries = 0;
  std::size_t i = 0;
  for (; i + kWord <= bytes.size(); i += kWord) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, kWord);
    carries |= (word & mask.all) + mask.lowest;
  }
  if (i < bytes.size()) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, bytes.size() - i);
    carries |= (word & mask.all) + mask.lowest;
  }
  return (carries & sign) == 0;
}

template <class T>
inline constexpr DType kDTypeOf = DType::float32;
template <>
inline constexpr DType kDTypeOf<double> = DType::float64;
template <>
inline constexpr DType kDTypeOf<float16> = DType::float16;
template <>
inline constexpr DType kDTypeOf<bfloat16> = DType::bfloat16;

/// Whether no element is NaN or infinite.
template <class T>
[[nodiscard]] bool all_finite(std::span<const T> values) noexcept {
  return all_finite(std::as_bytes(values), kDTypeOf<T>);
}

/// A stored value in double, exactly.
[[nodiscard]] inline double to_double(double x) noexcept {
  return x;
}
[[nodiscard]] inline double to_double(float x) noexcept {
  return static_cast<double>(x);
}
[[nodiscard]] inline double to_double(float16 x) noexcept {
  return static_cast<double>(to_float(x));
}
[[nodiscard]] inline double to_double(bfloat16 x) noexcept {
  return static_cast<double>(to_float(x));
}

/// to_float() without a branch, so that compilers vectorise it; finite values only.
[[nodiscard]] inline float finite_to_float(float16 x) noexcept {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(x.bits & 0x7FFFU) << 13U;
  const std::uint32_t normal = magnitude + (112U << 23U);
  // A half's subnormal as the mantissa of a float in [2^-14, 2^-13), less 2^-14.
  const float difference = std::bit_cast<float>(magnitude + (113U << 23U)) - 0x1p-14F;
  const auto subnormal = std::bit_cast<std::uint32_t>(difference);
  const std::uint32_t pick = 0U - static_cast<std::uint32_t>(magnitude < (1U << 23U));
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000U) << 16U;
  return std::bit_cast<float>((subnormal & pick) | (normal & ~pick) | sign);
}

/// The nearest value of another type; beyond its range infinity. A float16 must be finite.
template <class To, class From>
[[nodiscard]] To convert_value(From x) noexcept {
  if constexpr (std::same_as<To, From>) {
    return x;
  } else if constexpr (std::same_as<From, float16>) {
    return convert_value<To>(finite_to_float(x));
  } else if constexpr (std::same_as<From, bfloat16>) {
    return convert_value<To>(to_float(x));
  } else if constexpr (std::same_as<From, double>) {
    // A cast beyond the range would be undefined.
    constexpr double kMax = static_cast<double>(std::numeric_limits<float>::max());
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const float narrow = x > kMax ? kInfinity : x < -kMax ? -kInfinity : static_cast<float>(x);
    return convert_value<To>(narrow);
  } else if constexpr (std::same_as<To, double>) {
    return static_cast<double>(x);
  } else if constexpr (std::same_as<To, float16>) {
    return to_float16(x);
  } else {
    return to_bfloat16(x);
  }
}

/// convert_value for all of `from`; `to` has the same size.
template <class To, class From>
void convert_values(std::span<const From> from, std::span<To> to) noexcept {
  constexpr std::size_t kBlock = 64;  // a fixed count lets -O2 vectorise the inner loop
  const From* source = from.data();
  To* target = to.data();
  std::size_t i = 0;
  for (; i + kBlock <= from.size(); i += kBlock) {
    for (std::size_t j = i; j < i + kBlock; ++j) target[j] = convert_value<To>(source[j]);
  }
  for (; i < from.size(); ++i) target[i] = convert_value<To>(source[i]);
}

}  // namespace solo::inline SOLO_ABI::detail
