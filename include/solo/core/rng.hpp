// SPDX-License-Identifier: MIT
/// @file
/// Counter-based random numbers: every draw is a pure function of (seed, stream, index), so there
/// is no generator state to lose on resume and nothing depends on the thread count.
#pragma once

#include <solo/core/scalar.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>

namespace solo::inline SOLO_ABI {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
class Philox {
 public:
  using Block = std::array<std::uint32_t, 4>;

  /// `seed` is the key; `stream` separates independent sequences under one seed.
  explicit constexpr Philox(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : seed_(seed), stream_(stream) {}

  [[nodiscard]] constexpr std::uint64_t seed() const noexcept { return seed_; }
  [[nodiscard]] constexpr std::uint64_t stream() const noexcept { return stream_; }

  /// Four random words number `counter` of this stream.
  [[nodiscard]] constexpr Block block(std::uint64_t counter) const noexcept {
    Block x = {low(counter), high(counter), low(stream_), high(stream_)};
    std::uint32_t k0 = low(seed_);
    std::uint32_t k1 = high(seed_);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53U} * x[0];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * x[2];
      x = {high(b) ^ x[1] ^ k0, low(b), high(a) ^ x[3] ^ k1, low(a)};
      k0 += 0x9E3779B9U;
      k1 += 0xBB67AE85U;
    }
    return x;
  }

  /// 64 random bits number `index`.
  [[nodiscard]] constexpr std::uint64_t bits(std::uint64_t index) const noexcept {
    const Block b = block(index / 2);
    const std::size_t half = static_cast<std::size_t>(index % 2) * 2;
    return (std::uint64_t{b[half + 1]} << 32U) | b[half];
  }

  /// Uniform in [0, 1), 24 random bits, number `index`.
  [[nodiscard]] constexpr float uniform(std::uint64_t index) const noexcept {
    return to_unit(block(index / 4)[static_cast<std::size_t>(index % 4)]);
  }

  /// A word as a float in [0, 1).
  [[nodiscard]] static constexpr float to_unit(std::uint32_t word) noexcept {
    return static_cast<float>(word >> 8U) * 0x1p-24F;
  }

  /// Standard normals number 4 · counter to 4 · counter + 3 (Box-Muller).
  [[nodiscard]] std::array<double, 4> normals(std::uint64_t counter) const noexcept {
    const Block b = block(counter);
    std::array<double, 4> out{};
    for (std::size_t i = 0; i < 4; i += 2) {
      const double radius = std::sqrt(-2.0 * std::log((b[i] + 1.0) * 0x1p-32));
      const double angle = 2.0 * std::numbers::pi * b[i + 1] * 0x1p-32;
      out[i] = radius * std::cos(angle);
      out[i + 1] = radius * std::sin(angle);
    }
    return out;
  }
  /// Standard normal number `index`.
  [[nodiscard]] double normal(std::uint64_t index) const noexcept {
    return normals(index / 4)[static_cast<std::size_t>(index % 4)];
  }

  /// Uniform integer in [0, n), n >= 1, number `index`. The bias is below n / 2^64.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t n, std::uint64_t index) const noexcept {
    return mul_high(bits(index), n);
  }

 private:
  static constexpr std::uint32_t low(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x);
  }
  static constexpr std::uint32_t high(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x >> 32U);
  }
  static constexpr std::uint64_t mul_high(std::uint64_t a, std::uint64_t b) noexcept {
    const std::uint64_t a0 = low(a), a1 = high(a), b0 = low(b), b1 = high(b);
    const std::uint64_t middle = a1 * b0 + ((a0 * b0) >> 32U);
    const std::uint64_t cross = a0 * b1 + low(middle);
    return a1 * b1 + high(middle) + high(cross);
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace solo::inline SOLO_ABI
