// SPDX-License-Identifier: MIT
/// @file
/// Arithmetic of sizes that says so instead of overflowing.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>

#include <compare>
#include <limits>

namespace solo::inline SOLO_ABI {

/// a · b, or ShapeError ("shape.overflow") when the product does not fit an Index.
[[nodiscard]] inline Index checked_product(Index a, Index b) {
  if (a < 0 || b < 0 || (b != 0 && a > std::numeric_limits<Index>::max() / b)) {
    fail<ShapeError>("shape.overflow", "size ", a, " x ", b, " is negative or too large");
  }
  return a * b;
}

/// a + b, or ShapeError ("shape.overflow") when the sum does not fit an Index.
[[nodiscard]] inline Index checked_sum(Index a, Index b) {
  if (a < 0 || b < 0 || a > std::numeric_limits<Index>::max() - b) {
    fail<ShapeError>("shape.overflow", "size ", a, " + ", b, " is negative or too large");
  }
  return a + b;
}

/// A size to calculate with: sums and products throw as the functions above.
class CheckedIndex {
 public:
  constexpr CheckedIndex(Index value = 0) noexcept  // NOLINT(google-explicit-constructor)
      : value_(value) {}
  [[nodiscard]] constexpr Index value() const noexcept { return value_; }

  friend CheckedIndex operator*(CheckedIndex a, CheckedIndex b) {
    return checked_product(a.value_, b.value_);
  }
  friend CheckedIndex operator+(CheckedIndex a, CheckedIndex b) {
    return checked_sum(a.value_, b.value_);
  }
  CheckedIndex& operator+=(CheckedIndex other) { return *this = *this + other; }
  // NOLINTNEXTLINE(modernize-use-nullptr): what the compiler makes of it compares with 0
  friend constexpr auto operator<=>(CheckedIndex a, CheckedIndex b) noexcept = default;

 private:
  Index value_;
};

}  // namespace solo::inline SOLO_ABI
