// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/text/vocabulary.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {
namespace detail {

SOLO_INLINE void Vocabulary::add(std::string_view bytes, int id) {
  entries_.push_back({id, static_cast<std::uint32_t>(bytes.size()), bytes_.size()});
  bytes_ += bytes;
}

SOLO_INLINE void Vocabulary::finish(const std::string& source) {
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.id < b.id; });
  for (int i = 0; i < size(); ++i) {
    const Entry& entry = entries_[static_cast<std::size_t>(i)];
    if (entry.id == i) continue;
    if (entry.id < i) {
      fail<FormatError>("tokenizer.vocab", source, ": id ", entry.id, " is given to two tokens, ",
                        quoted(bytes(entries_[static_cast<std::size_t>(i) - 1])), " and ",
                        quoted(bytes(entry)));
    }
    fail<FormatError>("tokenizer.vocab", source, ": expected the ids 0 to ", size() - 1,
                      ", found no token with id ", i, " (the next is ", quoted(bytes(entry)),
                      " with ", entry.id, ")");
  }
  std::string in_order;
  in_order.reserve(bytes_.size());
  for (Entry& entry : entries_) {
    const std::uint64_t begin = in_order.size();
    in_order += bytes(entry);
    entry.begin = begin;
  }
  bytes_ = std::move(in_order);
  sorted_.resize(entries_.size());
  std::iota(sorted_.begin(), sorted_.end(), 0);
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [this](int a, int b) { return token(a) < token(b); });
}

SOLO_INLINE void Vocabulary::append(std::string_view bytes) {
  const int id = size();
  add(bytes, id);
  const auto place =
      std::upper_bound(sorted_.begin(), sorted_.end(), bytes,
                       [this](std::string_view value, int other) { return value < token(other); });
  sorted_.insert(place, id);
}

SOLO_INLINE std::string_view Vocabulary::bytes(const Entry& entry) const noexcept {
  return {bytes_.data() + entry.begin, entry.length};
}

SOLO_INLINE std::string_view Vocabulary::token(int id) const noexcept {
  return bytes(entries_[static_cast<std::size_t>(id)]);
}

SOLO_INLINE int Vocabulary::find(std::string_view bytes) const noexcept {
  const auto found =
      std::lower_bound(sorted_.begin(), sorted_.end(), bytes,
                       [this](int id, std::string_view value) { return token(id) < value; });
  return found != sorted_.end() && token(*found) == bytes ? *found : -1;
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
