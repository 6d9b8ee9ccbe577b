// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/text/bpe.hpp>

#include <algorithm>
#include <functional>
#include <limits>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE Bpe::Bpe(std::span<const Merge> merges, const std::array<int, 256>& byte_ids,
                     int vocab_size)
    : byte_ids_(byte_ids), begin_(static_cast<std::size_t>(vocab_size) + 1, 0) {
  for (const Merge& merge : merges) ++begin_[static_cast<std::size_t>(merge.left) + 1];
  for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
  entries_.resize(merges.size());
  std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const Merge& merge = merges[rank];
    entries_[next[static_cast<std::size_t>(merge.left)]++] = {
        merge.right, static_cast<std::uint32_t>(rank), merge.result};
  }
  for (std::size_t i = 0; i + 1 < begin_.size(); ++i) {
    std::sort(entries_.begin() + begin_[i], entries_.begin() + begin_[i + 1],
              [](const Entry& a, const Entry& b) { return a.right < b.right; });
  }
}

SOLO_INLINE void Bpe::grow(int vocab_size) {
  begin_.resize(static_cast<std::size_t>(vocab_size) + 1, begin_.back());
}

SOLO_INLINE Bpe::Entry Bpe::find(int left, int right) const noexcept {
  const auto id = static_cast<std::size_t>(left);
  const auto first = entries_.begin() + begin_[id];
  const auto last = entries_.begin() + begin_[id + 1];
  const auto found = std::lower_bound(
      first, last, right, [](const Entry& entry, int value) { return entry.right < value; });
  return found != last && found->right == right ? *found : Entry{};
}

SOLO_INLINE int Bpe::rank(int left, int right) const noexcept {
  const Entry entry = find(left, right);
  return entry.rank == kNoMerge ? -1 : static_cast<int>(entry.rank);
}

SOLO_INLINE void Bpe::append_ids(std::string_view piece, std::vector<int>& out) const {
  constexpr std::size_t kShort = 64;  // up to here a scan is faster than a heap
  if (piece.size() <= kShort) {
    append_short(piece, out);
  } else {
    append_long(piece, out);
  }
}

/// Quadratic in the piece, in place at the end of `out`.
SOLO_INLINE void Bpe::append_short(std::string_view piece, std::vector<int>& out) const {
  std::array<Entry, 64> pairs;  // pairs[i]: merge of the symbols i and i + 1
  const std::size_t base = out.size();
  for (const char c : piece) out.push_back(byte_ids_[static_cast<unsigned char>(c)]);
  std::size_t count = piece.size();
  int* const ids = out.data() + base;
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = find(ids[i], ids[i + 1]);
  while (count > 1) {
    const auto end = pairs.begin() + static_cast<std::ptrdiff_t>(count) - 1;
    const auto best = std::min_element(
        pairs.begin(), end, [](const Entry& a, const Entry& b) { return a.rank < b.rank; });
    if (best->rank == kNoMerge) break;
    const auto i = static_cast<std::size_t>(best - pairs.begin());
    ids[i] = best->result;
    std::copy(ids + i + 2, ids + count, ids + i + 1);
    std::copy(best + 1, end, best);
    --count;
    if (i > 0) pairs[i - 1] = find(ids[i - 1], ids[i]);
    if (i + 1 < count) pairs[i] = find(ids[i], ids[i + 1]);
  }
  out.resize(base + count);
}

/// O(n log n): symbols in a linked list, candidate merges in a heap ordered by rank, then place.
SOLO_INLINE void Bpe::append_long(std::string_view piece, std::vector<int>& out) const {
  struct Symbol {
    int id;  // -1: merged into its left neighbour
    std::uint32_t previous;
    std::uint32_t next;
  };
  constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  if (piece.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    fail<ConfigError>("tokenizer.text_length", "a single word of ", piece.size(),
                      " bytes: expected at most ", std::numeric_limits<int>::max());
  }
  const auto count = static_cast<std::uint32_t>(piece.size());
  std::vector<Symbol> symbols(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    symbols[i] = {byte_ids_[static_cast<unsigned char>(piece[i])], i == 0 ? kNone : i - 1,
                  i + 1 == count ? kNone : i + 1};
  }
  std::vector<std::uint64_t> heap;
  const auto candidate = [&](std::uint32_t i) {  // the pair that begins at i; false if no merge
    const Entry entry = find(symbols[i].id, symbols[symbols[i].next].id);
    if (entry.rank == kNoMerge) return false;
    heap.push_back((std::uint64_t{entry.rank} << 32U) | i);
    return true;
  };
  for (std::uint32_t i = 0; i + 1 < count; ++i) candidate(i);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  const auto push = [&](std::uint32_t i) {
    if (candidate(i)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const std::uint64_t top = heap.back();
    heap.pop_back();
    Symbol& left = symbols[static_cast<std::uint32_t>(top)];
    if (left.id < 0 || left.next == kNone) continue;
    Symbol& right = symbols[left.next];
    const Entry entry = find(left.id, right.id);
    if (entry.rank != top >> 32U) continue;  // one of the two has changed since
    left.id = entry.result;
    right.id = -1;
    left.next = right.next;
    if (left.next != kNone) {
      symbols[left.next].previous = static_cast<std::uint32_t>(top);
      push(static_cast<std::uint32_t>(top));
    }
    if (left.previous != kNone) push(left.previous);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.id >= 0) out.push_back(symbol.id);
  }
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
