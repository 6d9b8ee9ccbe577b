// SPDX-License-Identifier: MIT
/// @file
/// The generator of Python's random and of torch on a CPU, to draw what they draw.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace solo::inline SOLO_ABI {

/// MT19937 (Matsumoto & Nishimura, "Mersenne twister", ACM TOMACS 8, 1998).
class MersenneTwister {
 public:
  /// init_genrand: torch.Generator().manual_seed(seed), of which it takes the low 32 bits.
  explicit constexpr MersenneTwister(std::uint32_t seed) noexcept {
    state_[0] = seed;
    for (std::uint32_t i = 1; i < kSize; ++i) state_[i] = 1812433253U * mixed(i - 1) + i;
  }

  /// init_by_array with one word: Python's random.Random(seed).
  [[nodiscard]] static constexpr MersenneTwister python(std::uint32_t seed) noexcept {
    MersenneTwister twister(19650218U);
    auto& state = twister.state_;
    std::size_t i = 1;
    const auto next = [&] {
      if (++i < kSize) return;
      state[0] = state[kSize - 1];
      i = 1;
    };
    for (std::size_t k = 0; k < kSize; ++k, next()) {
      state[i] = (state[i] ^ (twister.mixed(i - 1) * 1664525U)) + seed;
    }
    for (std::size_t k = 1; k < kSize; ++k, next()) {
      state[i] = (state[i] ^ (twister.mixed(i - 1) * 1566083941U)) - static_cast<std::uint32_t>(i);
    }
    state[0] = 0x80000000U;
    return twister;
  }

  /// The next 32 bits.
  [[nodiscard]] constexpr std::uint32_t next() noexcept {
    if (place_ == kSize) twist();
    std::uint32_t y = state_[place_++];
    y ^= y >> 11U;
    y ^= (y << 7U) & 0x9D2C5680U;
    y ^= (y << 15U) & 0xEFC60000U;
    return y ^ (y >> 18U);
  }

  /// Python's randrange(bound): the high bits of as many words as it takes. bound >= 1.
  [[nodiscard]] constexpr std::uint32_t below(std::uint32_t bound) noexcept {
    std::uint32_t shift = 0;
    while (shift < 31 && bound >> (31 - shift) == 0) ++shift;
    std::uint32_t value = next() >> shift;
    while (value >= bound) value = next() >> shift;
    return value;
  }

 private:
  static constexpr std::size_t kSize = 624;
  static constexpr std::size_t kMiddle = 397;

  [[nodiscard]] constexpr std::uint32_t mixed(std::size_t i) const noexcept {
    return state_[i] ^ (state_[i] >> 30U);
  }
  constexpr void twist() noexcept {
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % kSize] & 0x7FFFFFFFU);
      state_[i] = state_[(i + kMiddle) % kSize] ^ (y >> 1U) ^ ((y & 1U) * 0x9908B0DFU);
    }
    place_ = 0;
  }

  std::array<std::uint32_t, kSize> state_ = {};
  std::size_t place_ = kSize;
};

}  // namespace solo::inline SOLO_ABI
