// SPDX-License-Identifier: MIT
#include <solo/core/arena.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <cstring>
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
  CHECK(a != b);
  arena.release(a, 1000);
  arena.release(b, 1000);
  CHECK(arena.allocate(2000) != a);
  CHECK(arena.allocate(1000) == b);
  CHECK(arena.allocate(1000) == a);
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
