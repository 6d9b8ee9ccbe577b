// SPDX-License-Identifier: MIT
#include <solo/core/rng.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

using solo::Philox;

TEST_CASE("Philox gives the published vectors", "[core]") {
  // Random123's kat_vectors, philox4x32 with 10 rounds.
  CHECK(Philox(0, 0).block(0) == Philox::Block{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U});
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(Philox(ones, ones).block(ones) ==
        Philox::Block{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU});
  CHECK(Philox(0x299f31d0a4093822U, 0x0370734413198a2eU).block(0x85a308d3243f6a88U) ==
        Philox::Block{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U});
}

TEST_CASE("Philox is a constant expression", "[core]") {
  static_assert(Philox(0).block(0)[0] == 0x6627e8d5U);
  static_assert(Philox(0).bits(1) == 0x9b00dbd8bc57ac4cU);
}

TEST_CASE("single draws are the words of the blocks", "[core]") {
  const Philox random(11, 5);
  for (std::uint64_t i = 0; i < 32; ++i) {
    const auto word = [&](std::uint64_t n) {
      return random.block(n / 4)[static_cast<std::size_t>(n % 4)];
    };
    CHECK(random.uniform(i) == Philox::to_unit(word(i)));
    CHECK(random.bits(i) == ((std::uint64_t{word(2 * i + 1)} << 32U) | word(2 * i)));
  }
}

TEST_CASE("seed, stream and index all matter", "[core]") {
  const std::uint64_t first = Philox(1, 2).bits(3);
  CHECK(first == Philox(1, 2).bits(3));
  CHECK(first != Philox(2, 2).bits(3));
  CHECK(first != Philox(1, 3).bits(3));
  CHECK(first != Philox(1, 2).bits(4));
}

TEST_CASE("uniform draws fill the interval from 0 to 1, 1 left out", "[core]") {
  CHECK(Philox::to_unit(0) == 0.0F);
  CHECK(Philox::to_unit(0xFFFFFFFFU) < 1.0F);
  const Philox random(3);
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double x = random.uniform(i);
    REQUIRE((x >= 0 && x < 1));
    sum += x;
    squares += x * x;
  }
  // Standard errors: 0.0009 of the mean and of the mean square.
  CHECK(std::abs(sum / kDraws - 0.5) < 0.005);
  CHECK(std::abs(squares / kDraws - 1.0 / 3) < 0.005);
}

TEST_CASE("normal draws have mean 0, variance 1 and no heavy tails", "[core]") {
  const Philox random(4);
  constexpr int kDraws = 100000;
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const double x = random.normal(i);
    REQUIRE(std::isfinite(x));
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::abs(sum / kDraws) < 0.02);
  CHECK(std::abs(squares / kDraws - 1) < 0.03);
  CHECK(std::abs(fourth / kDraws - 3) < 0.25);
}

TEST_CASE("below(n) reaches every number below n evenly", "[core]") {
  const Philox random(5);
  CHECK(random.below(1, 0) == 0);
  std::vector<int> counts(7, 0);
  constexpr int kDraws = 70000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const std::uint64_t x = random.below(counts.size(), i);
    REQUIRE(x < counts.size());
    ++counts[static_cast<std::size_t>(x)];
  }
  for (const int count : counts) CHECK(std::abs(count - 10000) < 500);
}

TEST_CASE("below(n) is the high half of the 128-bit product", "[core]") {
  const Philox random(6);
  for (const std::uint64_t n : {std::uint64_t{3}, std::uint64_t{1} << 32U, ~std::uint64_t{0}}) {
    for (std::uint64_t i = 0; i < 100; ++i) {
      __extension__ using Wide = unsigned __int128;
      const auto expected = static_cast<std::uint64_t>((Wide{random.bits(i)} * n) >> 64U);
      CHECK(random.below(n, i) == expected);
    }
  }
}
