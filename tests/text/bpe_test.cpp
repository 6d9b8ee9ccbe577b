// SPDX-License-Identifier: MIT
#include <solo/core/rng.hpp>
#include <solo/text/bpe.hpp>

#include "support/catch.hpp"

#include <numeric>
#include <string>

using solo::detail::Bpe;
using solo::detail::Merge;

namespace {

std::array<int, 256> identity() {
  std::array<int, 256> ids{};
  std::iota(ids.begin(), ids.end(), 0);
  return ids;
}

std::vector<int> ids_of(const Bpe& bpe, std::string_view piece) {
  std::vector<int> ids;
  bpe.append_ids(piece, ids);
  return ids;
}

/// The definition: merge the leftmost pair of the lowest rank until there is none.
std::vector<int> by_definition(const std::vector<Merge>& merges, std::string_view piece) {
  std::vector<int> ids;
  for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
  for (bool merged = true; merged;) {
    merged = false;
    for (std::size_t rank = 0; rank < merges.size() && !merged; ++rank) {
      for (std::size_t i = 0; i + 1 < ids.size() && !merged; ++i) {
        if (ids[i] != merges[rank].left || ids[i + 1] != merges[rank].right) continue;
        ids[i] = merges[rank].result;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        merged = true;
      }
    }
  }
  return ids;
}

}  // namespace

TEST_CASE("the pair of lowest rank is merged first, leftmost first") {
  const int a = 'a';
  const int b = 'b';
  const std::vector<Merge> merges = {{a, b, 256}, {a, a, 257}, {256, 256, 258}};
  const Bpe bpe(merges, identity(), 259);
  CHECK(ids_of(bpe, "") == std::vector<int>{});
  CHECK(ids_of(bpe, "a") == std::vector<int>{a});
  CHECK(ids_of(bpe, "aab") == std::vector<int>{a, 256});
  CHECK(ids_of(bpe, "aaa") == std::vector<int>{257, a});
  CHECK(ids_of(bpe, "abab") == std::vector<int>{258});
  CHECK(ids_of(bpe, "ababab") == std::vector<int>{258, 256});
  CHECK(bpe.rank(a, a) == 1);
  CHECK(bpe.rank(b, a) == -1);
}

TEST_CASE("a new pair of lower rank goes before older ones") {
  const std::vector<Merge> merges = {{256, 'a', 257}, {'a', 'b', 256}};
  const Bpe bpe(merges, identity(), 258);
  // As in Hugging Face's tokenizers; merging all "ab" first would give {256, 256}.
  CHECK(ids_of(bpe, "abab") == std::vector<int>{257, 'b'});
}

TEST_CASE("words of every length are merged as defined, whatever the merges") {
  const solo::Philox random(7);
  std::uint64_t draw = 0;
  for (int round = 0; round < 40; ++round) {
    std::vector<Merge> merges;
    Bpe known;
    const int letters = 2 + round % 3;
    int size = 256;
    for (int i = 0; i < 12; ++i) {
      const auto symbol = [&] {
        const auto n = static_cast<int>(
            random.below(static_cast<std::uint64_t>(letters + size - 256), draw++));
        return n < letters ? 'a' + n : 256 + n - letters;
      };
      const Merge merge{symbol(), symbol(), size};
      if (!merges.empty() && known.rank(merge.left, merge.right) >= 0) continue;
      merges.push_back(merge);
      known = Bpe(merges, identity(), ++size);
    }
    for (const std::size_t length : {1U, 2U, 5U, 30U, 63U, 64U, 65U, 66U, 200U}) {
      std::string word;
      for (std::size_t i = 0; i < length; ++i) {
        word += static_cast<char>('a' + random.below(static_cast<std::uint64_t>(letters), draw++));
      }
      CAPTURE(round, word);
      REQUIRE(ids_of(known, word) == by_definition(merges, word));
    }
  }
}
