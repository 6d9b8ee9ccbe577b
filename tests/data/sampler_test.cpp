// SPDX-License-Identifier: MIT
#include <solo/data/sampler.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <set>
#include <vector>

using solo::Permutation;

namespace {

std::vector<std::uint64_t> order(std::uint64_t size, std::uint64_t seed, std::uint64_t epoch) {
  const Permutation permutation(size, seed, epoch);
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 0; i < size; ++i) out.push_back(permutation(i));
  return out;
}

}  // namespace

TEST_CASE("every size gives a permutation") {
  for (const std::uint64_t size : {1U, 2U, 3U, 7U, 15U, 16U, 17U, 64U, 65U, 1000U, 4672U, 70000U}) {
    auto places = order(size, 42, 0);
    std::sort(places.begin(), places.end());
    for (std::uint64_t i = 0; i < size; ++i) REQUIRE(places[i] == i);
  }
}

TEST_CASE("seed and epoch change the order, nothing else does") {
  const auto first = order(100, 42, 0);
  CHECK(first == order(100, 42, 0));
  CHECK(first != order(100, 42, 1));
  CHECK(first != order(100, 43, 0));
  std::vector<std::uint64_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  CHECK(first != sorted);
}

TEST_CASE("small sets are shuffled into all their orders") {
  std::set<std::vector<std::uint64_t>> seen;
  for (std::uint64_t epoch = 0; epoch < 2000; ++epoch) seen.insert(order(4, 1, epoch));
  CHECK(seen.size() == 24);
}

TEST_CASE("an example is equally likely at every place") {
  constexpr std::uint64_t kSize = 10;
  constexpr int kEpochs = 5000;
  std::vector<int> counts(kSize * kSize, 0);
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const auto places = order(kSize, 7, epoch);
    for (std::uint64_t i = 0; i < kSize; ++i) ++counts[i * kSize + places[i]];
  }
  // 500 expected, standard deviation 21.
  for (const int count : counts) {
    CHECK(count > 390);
    CHECK(count < 610);
  }
}

TEST_CASE("huge sizes need no table") {
  const Permutation permutation(std::uint64_t{1} << 62U, 42, 3);
  std::set<std::uint64_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(permutation(i));
  CHECK(seen.size() == 1000);
  CHECK(*seen.rbegin() < (std::uint64_t{1} << 62U));
}
