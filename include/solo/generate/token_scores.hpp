// SPDX-License-Identifier: MIT
/// @file
/// What choosing among a row of token scores is made of.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/kernels/table.hpp>

#include <limits>
#include <span>

namespace solo::inline SOLO_ABI::detail {

/// The score of a token that is out.
template <Scalar T>
inline constexpr T kBanned = -std::numeric_limits<T>::infinity();

/// The largest score.
template <Scalar T>
[[nodiscard]] T maximum(std::span<const T> scores) {
  return kernels<T>().maximum(static_cast<Index>(scores.size()), scores.data());
}

/// Calls f(token) for the tokens that are not out, in order.
template <Scalar T, class F>
void for_allowed(std::span<const T> scores, const F& f) {
  const auto size = static_cast<Index>(scores.size());
  const auto next = [&](Index begin) {
    return kernels<T>().find_not_less(begin, size, scores.data(), std::numeric_limits<T>::lowest());
  };
  for (Index token = next(0); token < size; token = next(token + 1)) f(static_cast<int>(token));
}

}  // namespace solo::inline SOLO_ABI::detail
