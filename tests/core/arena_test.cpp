// SPDX-License-Identifier: MIT
#include <solo/core/arena.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

using solo::Arena;
using solo::Index;

TEST_CASE("blocks are aligned, apart from each other and stay where they are", "[core]") {
  Arena arena;
  std::vector<std::pair<unsigned char*, Index>> blocks;
  for (Index i = 0; i < 300; ++i) {
    const Index bytes = (i * 7919) % 20000;
    auto* block = static_cast<unsigned char*>(arena.allocate(bytes));
    REQUIRE(reinterpret_cast<std::uintptr_t>(block) % solo::kAlignment == 0);
    std::memset(block, static_cast<int>(i % 251), static_cast<std::size_t>(bytes));
    blocks.emplace_back(block, bytes);
  }
  int wrong = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    for (Index b = 0; b < blocks[i].second; ++b) wrong += blocks[i].first[b] == i % 251 ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("after a first step the arena takes nothing more from the system", "[core]") {
  Arena arena;
  const auto step = [&arena] {
    for (Index i = 1; i <= 100; ++i) static_cast<void>(arena.allocate(i * 1000));
    arena.reset();
  };
  CHECK(arena.reserved() == 0);
  step();
  const Index warm = arena.reserved();
  CHECK(warm >= 5050000);
  for (int i = 0; i < 5; ++i) step();
  CHECK(arena.reserved() == warm);
}

TEST_CASE("a released block serves the next request of its size", "[core]") {
  Arena arena;
  void* const a = arena.allocate(1000);
  void* const b = arena.allocate(1000);
  static_cast<void>(arena.allocate(1000));
  CHECK(a != b);
  arena.release(a, 1000);
  arena.release(b, 1000);
  CHECK(arena.allocate(3000) != a);
  CHECK(arena.allocate(1000) == a);
  CHECK(arena.allocate(1000) == b);
  void* const c = arena.allocate(1000);
  CHECK(c != a);
  CHECK(c != b);
  arena.release(nullptr, 1000);
}

TEST_CASE("a request larger than a chunk, and an empty one", "[core]") {
  Arena arena;
  auto* large = static_cast<unsigned char*>(arena.allocate(Index{5} << 20U));
  large[(Index{5} << 20U) - 1] = 1;
  CHECK(arena.allocate(0) != arena.allocate(0));
}

TEST_CASE("neighbours that are released become one hole, in any order", "[core]") {
  std::vector<std::size_t> order = {0, 1, 2, 3};
  do {
    Arena arena;
    std::vector<void*> blocks;
    for (int i = 0; i < 4; ++i) blocks.push_back(arena.allocate(4096));
    static_cast<void>(arena.allocate(4096));
    for (const std::size_t i : order) arena.release(blocks[i], 4096);
    CHECK(arena.allocate(4 * 4096) == blocks[0]);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a request takes the smallest hole with room", "[core]") {
  Arena arena;
  void* const large = arena.allocate(8192);
  static_cast<void>(arena.allocate(1024));
  void* const small = arena.allocate(2048);
  static_cast<void>(arena.allocate(1024));
  arena.release(large, 8192);
  arena.release(small, 2048);
  CHECK(arena.allocate(2000) == small);
  CHECK(arena.allocate(2000) == large);
}

TEST_CASE("small blocks lie apart from large ones", "[core]") {
  Arena arena;
  static_cast<void>(arena.allocate(Arena::kSmallBlock));
  auto* const first = static_cast<std::byte*>(arena.allocate(4096));
  auto* const small = static_cast<std::byte*>(arena.allocate(Arena::kSmallBlock));
  auto* const second = static_cast<std::byte*>(arena.allocate(4096));
  CHECK(second == first + 4096);
  CHECK(small < first);
  arena.release(small, Arena::kSmallBlock);
  CHECK(arena.allocate(Arena::kSmallBlock) != small);
}

namespace {

/// Requests of a training step of `layers` blocks on `rows` rows, as sizes times the rows: what the
/// backward pass needs stays until it has come by. Returns the most that was in use.
Index step(Arena& arena, Index rows, int layers) {
  Index used = 0;
  Index most = 0;
  const auto take = [&](Index columns) {
    used += rows * columns;
    most = std::max(most, used);
    return std::pair(arena.allocate(rows * columns), rows * columns);
  };
  const auto give = [&](const std::pair<void*, Index>& block) {
    arena.release(block.first, block.second);
    used -= block.second;
  };
  std::vector<std::vector<std::pair<void*, Index>>> kept;
  for (int i = 0; i < layers; ++i) {
    const auto normed = take(768);
    std::vector<std::pair<void*, Index>> block = {take(3 * 768), take(768), take(12)};
    give(normed);
    block.push_back(take(768));
    block.push_back(take(4 * 768));
    const auto active = take(4 * 768);
    block.push_back(take(768));
    give(active);
    kept.push_back(block);
  }
  for (; !kept.empty(); kept.pop_back()) {
    const auto wide = take(4 * 768);
    const auto wide_too = take(4 * 768);
    give(wide);
    const auto normed = take(768);
    give(wide_too);
    const auto qkv = take(3 * 768);
    give(normed);
    for (const auto& block : kept.back()) give(block);
    give(qkv);
  }
  arena.reset();
  return most;
}

}  // namespace

TEST_CASE("the memory of a step is close to what it has in use, and serves all smaller steps",
          "[core]") {
  Arena arena;
  const Index rows = 1000;
  const Index most = step(arena, rows, 12);
  const Index warm = arena.reserved();
  CHECK(arena.peak_used() >= most);
  CHECK(arena.peak_used() < most + most / 100);
  CHECK(warm < 2 * most + (Index{65} << 20U));
  std::mt19937 random(5);
  for (int i = 0; i < 300; ++i) {
    step(arena, std::uniform_int_distribution<Index>(1, rows)(random), 12);
    REQUIRE(arena.reserved() == warm);
  }
}

static_assert(noexcept(std::declval<solo::Arena&>().reset()), "destructors reset arenas");
