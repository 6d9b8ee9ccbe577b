// SPDX-License-Identifier: MIT
/// @file
/// The order of a data set as a pure function of (seed, epoch).
#pragma once

#include <solo/core/rng.hpp>

#include <cstdint>

namespace solo::inline SOLO_ABI {

/// A pseudo-random permutation of 0 … size - 1 that needs no table: any place of it costs the same
/// time, and nothing has to be stored to resume. A Feistel network on the next power of 4, keyed by
/// Philox(seed, stream of this epoch); values beyond the range are mapped again until they fall
/// into it (cycle walking: Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
class Permutation {
 public:
  /// size >= 1; `number` is the epoch.
  constexpr Permutation(std::uint64_t size, std::uint64_t seed, std::uint64_t number) noexcept
      : size_(size), random_(seed, kStream + number) {
    while (half_bits_ < 32 && (size - 1) >> (2 * half_bits_) != 0) ++half_bits_;
  }

  /// The index at place `i`, i < size.
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t i) const noexcept {
    if (size_ == 1) return 0;
    do {
      i = mix(i);
    } while (i >= size_);
    return i;
  }

 private:
  // "sampler", so that the streams are none that another use of the same seed has.
  static constexpr std::uint64_t kStream = 0x73616D706C657200U;
  static constexpr std::uint64_t kRounds = 8;

  [[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = x >> half_bits_;
    std::uint64_t right = x & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t next = left ^ (random_.block(right * kRounds + round)[0] & mask);
      left = right;
      right = next;
    }
    return (left << half_bits_) | right;
  }

  std::uint64_t size_;
  Philox random_;
  unsigned half_bits_ = 2;
};

}  // namespace solo::inline SOLO_ABI
