// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/core/mersenne_twister.hpp>
#include <solo/data/lora_order.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <vector>

using solo::Index;
using solo::LoraOrder;
using solo::MersenneTwister;

namespace {

using Numbers = std::vector<Index>;

/// The order of a whole epoch.
Numbers order(LoraOrder& source, std::int64_t epoch) {
  Numbers numbers;
  for (std::int64_t b = 0; b < source.batches_per_epoch(); ++b) {
    const auto batch = source.batch(epoch, b);
    numbers.insert(numbers.end(), batch.begin(), batch.end());
  }
  return numbers;
}

Numbers first(const Numbers& numbers, std::ptrdiff_t count) {
  return {numbers.begin(), numbers.begin() + count};
}

/// LoRA's training set of E2E: 42061 pairs in batches of 8, seed 110.
LoraOrder e2e_training() {
  return LoraOrder({.examples = 42061, .batch_size = 8, .seed = 110});
}

}  // namespace

TEST_CASE("the twister draws the words of torch and of Python") {
  // torch.Generator().manual_seed(111): torch.randperm(10) depends on these alone.
  LoraOrder ten({.examples = 10, .batch_size = 10, .seed = 110});
  CHECK(order(ten, 1) == Numbers{0, 2, 6, 1, 8, 7, 5, 4, 3, 9});
  MersenneTwister reference(5489);  // the standard's own check value of std::mt19937
  std::uint32_t word = 0;
  for (int i = 0; i < 10000; ++i) word = reference.next();
  CHECK(word == 4123659995U);
  CHECK(MersenneTwister::python(911).next() == 1963969207U);  // random.Random(911).getrandbits(32)
}

TEST_CASE("random numbers below a bound, as random.Random(911).randrange draws them") {
  MersenneTwister random = MersenneTwister::python(911);
  Numbers drawn;
  for (int i = 0; i < 15; ++i) drawn.push_back(random.below(42061));
  CHECK(drawn == Numbers{29967, 25563, 25981, 8700, 11504, 33968, 15279, 32370, 8677, 4346, 36133,
                         24638, 14027, 8706, 41465});
  // A power of two takes one bit more than its numbers need; 1 always is 0.
  MersenneTwister eight = MersenneTwister::python(911);
  for (int i = 0; i < 100; ++i) CHECK(eight.below(8) < 8);
  CHECK(eight.below(1) == 0);
  MersenneTwister wide = MersenneTwister::python(911);
  CHECK(wide.below(0xFFFFFFFFU) == 1963969207U);
}

TEST_CASE("LoRA's order of the E2E training set") {
  LoraOrder source = e2e_training();
  CHECK(source.batches_per_epoch() == 5258);
  const Numbers one = order(source, 1);
  CHECK(one.size() == 42064);
  CHECK(first(one, 8) == Numbers{40580, 13943, 32772, 24055, 11546, 39630, 6861, 21422});
  CHECK(first(order(source, 2), 4) == Numbers{17204, 4117, 31780, 14418});
  CHECK(first(order(source, 5), 4) == Numbers{4658, 12924, 23953, 19779});
}

TEST_CASE("what is beyond the end of the data is drawn anew in each epoch") {
  LoraOrder source = e2e_training();
  const std::vector<Numbers> drawn = {{29967, 25563, 25981},
                                      {8700, 11504, 33968},
                                      {15279, 32370, 8677},
                                      {4346, 36133, 24638},
                                      {14027, 8706, 41465}};
  Numbers one = order(source, 1);
  CHECK(Numbers{one[18993], one[25409], one[37062]} == drawn[0]);
  for (std::int64_t epoch = 5; epoch >= 1; --epoch) {
    // Every example once, and the drawn ones once more.
    Numbers numbers = order(source, epoch);
    std::sort(numbers.begin(), numbers.end());
    Numbers twice;
    for (std::size_t i = 1; i < numbers.size(); ++i) {
      if (numbers[i] == numbers[i - 1]) twice.push_back(numbers[i]);
    }
    Numbers expected = drawn[static_cast<std::size_t>(epoch - 1)];
    std::sort(expected.begin(), expected.end());
    CHECK(twice == expected);
    CHECK(numbers.back() == 42060);
  }
}

TEST_CASE("LoRA's order of the E2E validation set") {
  LoraOrder source({.examples = 4672, .batch_size = 4, .seed = 110});
  CHECK(source.batches_per_epoch() == 1168);
  Numbers numbers = order(source, 0);
  CHECK(first(numbers, 8) == Numbers{3968, 2747, 4431, 588, 2969, 4569, 511, 433});
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < numbers.size(); ++i) REQUIRE(numbers[i] == static_cast<Index>(i));
}

TEST_CASE("without shuffling the examples come in their order, drawn ones last") {
  LoraOrder source({.examples = 5, .batch_size = 3, .shuffle = false});
  MersenneTwister random = MersenneTwister::python(911);
  for (std::int64_t epoch = 1; epoch <= 3; ++epoch) {
    CHECK(order(source, epoch) == Numbers{0, 1, 2, 3, 4, random.below(5)});
  }
  CHECK(order(source, 0) == order(source, 1));
}

TEST_CASE("an order refuses numbers out of range") {
  const auto refused = [](const auto& f) {
    try {
      f();
    } catch (const solo::ConfigError& error) {
      CHECK(error.id() == "data.options");
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(refused([] { const LoraOrder order({.examples = 0}); }) ==
        "examples: expected 1 to 2147483647, found 0");
  CHECK(refused([] { const LoraOrder order({.examples = 1, .batch_size = 0}); }) ==
        "batch size: expected 1 to 2147483647, found 0");
  LoraOrder source({.examples = 5, .batch_size = 3});
  CHECK(refused([&] { (void)source.batch(1, 2); }) ==
        "epoch 1, batch 2: expected an epoch of at least 0 and a batch of 0 to 1");
  CHECK(refused([&] { (void)source.batch(-1, 0); }).starts_with("epoch -1, batch 0: "));
}
