// SPDX-License-Identifier: MIT
#pragma once

#include <solo/text/whole_tokens.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE std::uint64_t WholeTokens::hash(std::string_view piece) noexcept {
  std::uint64_t state = piece.size();
  while (!piece.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = std::min<std::size_t>(piece.size(), sizeof(word));
    std::memcpy(&word, piece.data(), count);
    state = (state ^ word) * 0x9E3779B97F4A7C15U;
    state ^= state >> 32U;
    piece.remove_prefix(count);
  }
  return state;
}

SOLO_INLINE WholeTokens::WholeTokens(const Vocabulary& vocabulary, const Bpe& bpe)
    : slots_(std::bit_ceil(2 * static_cast<std::size_t>(vocabulary.size())), -1) {
  std::vector<int> ids;
  for (int id = 0; id < vocabulary.size(); ++id) {
    const std::string_view token = vocabulary.token(id);
    if (token.size() > kLongest) continue;
    ids.clear();
    bpe.append_ids(token, ids);
    if (ids.size() != 1 || ids[0] != id) continue;
    const std::uint64_t first = hash(token);
    for (std::size_t i = 0; i < kProbes; ++i) {
      int& slot = slots_[(first + i) & (slots_.size() - 1)];
      if (slot >= 0) continue;
      slot = id;
      break;
    }
  }
}

SOLO_INLINE int WholeTokens::find(std::string_view piece,
                                  const Vocabulary& vocabulary) const noexcept {
  if (piece.size() > kLongest) return -1;
  const std::uint64_t first = hash(piece);
  for (std::size_t i = 0; i < kProbes; ++i) {
    const int id = slots_[(first + i) & (slots_.size() - 1)];
    if (id < 0) return -1;
    if (vocabulary.token(id) == piece) return id;
  }
  return -1;
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
