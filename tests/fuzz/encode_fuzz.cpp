// SPDX-License-Identifier: MIT
// Byte-pair encoding with arbitrary merges: a byte that counts them, two bytes for each, then text.
// Every shortcut agrees with the definition: merge the leftmost pair of the lowest rank, again and
// again.

#include <solo/text/bpe.hpp>
#include <solo/text/pretokenizer.hpp>
#include <solo/text/utf8.hpp>
#include <solo/text/vocabulary.hpp>
#include <solo/text/whole_tokens.hpp>

#include "fuzz/fuzz.hpp"

#include <array>
#include <map>
#include <numeric>
#include <utility>

namespace {

using namespace solo;

struct Merges {
  std::vector<std::string> tokens;
  std::vector<detail::Merge> list;
  std::map<std::pair<int, int>, std::pair<int, int>> by_pair;  // rank and result

  Merges() {
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  }
  void add(int left, int right) {
    constexpr std::size_t kLongest = 100;
    const auto token = [this](int id) -> const std::string& {
      return tokens[static_cast<std::size_t>(id)];
    };
    const std::string joined = token(left) + token(right);
    if (joined.size() > kLongest || by_pair.count({left, right}) != 0) return;
    const auto found = std::find(tokens.begin(), tokens.end(), joined);
    const auto result = static_cast<int>(found - tokens.begin());
    if (found == tokens.end()) tokens.push_back(joined);
    by_pair[{left, right}] = {static_cast<int>(list.size()), result};
    list.push_back({left, right, result});
  }
  [[nodiscard]] std::vector<int> encode(std::string_view piece) const {
    std::vector<int> ids;
    for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
    for (;;) {
      auto best = by_pair.end();
      std::size_t place = 0;
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        const auto pair = by_pair.find({ids[i], ids[i + 1]});
        if (pair == by_pair.end()) continue;
        if (best != by_pair.end() && best->second.first <= pair->second.first) continue;
        best = pair;
        place = i;
      }
      if (best == by_pair.end()) return ids;
      ids[place] = best->second.second;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t count = std::min<std::size_t>(data[0], (size - 1) / 2);
  Merges merges;
  for (std::size_t i = 0; i < count; ++i) {
    // Either part may be any token so far: bytes first, then the results of earlier merges.
    const auto pick = [&](std::size_t at) {
      const std::size_t results = merges.tokens.size() - 256;
      const std::size_t byte = data[at];
      return static_cast<int>(byte >= 128 && results > 0 ? 256 + byte % results : byte);
    };
    merges.add(pick(1 + 2 * i), pick(2 + 2 * i));
  }
  const std::string_view text = fuzz::text_of(data, size).substr(1 + 2 * count);

  detail::Vocabulary vocabulary;
  for (std::size_t i = 0; i < merges.tokens.size(); ++i) {
    vocabulary.add(merges.tokens[i], static_cast<int>(i));
  }
  vocabulary.finish("merges");
  std::array<int, 256> bytes{};
  std::iota(bytes.begin(), bytes.end(), 0);
  const detail::Bpe bpe(merges.list, bytes, vocabulary.size());
  const detail::WholeTokens whole(vocabulary, bpe);

  const auto check = [&](std::string_view piece) {
    const std::vector<int> expected = merges.encode(piece);
    std::vector<int> ids;
    bpe.append_ids(piece, ids);
    fuzz::require(ids == expected, "encoding follows its definition");
    const int one = whole.find(piece, vocabulary);
    fuzz::require(one < 0 || expected == std::vector<int>{one}, "a shortcut changes nothing");
  };
  constexpr std::size_t kLongest = 100;  // the definition is quadratic
  check(text.substr(0, kLongest));
  std::string joined;
  for (const std::string_view piece : split_pieces(text)) {
    fuzz::require(!piece.empty(), "no piece is empty");
    joined += piece;
    check(piece.substr(0, kLongest));
  }
  fuzz::require(joined == text, "the pieces are the text");
  const std::string lossy = to_utf8_lossy(text);
  fuzz::require(is_utf8(lossy) && (lossy == text) == is_utf8(text), "lossy text is UTF-8");
  return 0;
}
