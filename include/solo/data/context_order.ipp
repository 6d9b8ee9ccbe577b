// SPDX-License-Identifier: MIT
#pragma once

#include <solo/data/context_order.hpp>

#include <algorithm>
#include <numeric>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE std::span<const int> shareable_context(const Example& example) {
  const auto length = static_cast<std::size_t>(example.context_length);
  for (std::size_t i = 1; i < length; ++i) {
    if (example.labels[i] != kIgnoreIndex) return {};
  }
  return std::span(example.ids).first(length > 1 ? length - 1 : 0);
}

SOLO_INLINE ContextOrder::ContextOrder(std::span<const Example> examples) {
  const auto context = [&](Index i) {
    return shareable_context(examples[static_cast<std::size_t>(i)]);
  };
  std::vector<Index> sorted(examples.size());
  std::iota(sorted.begin(), sorted.end(), Index{0});
  sort_by_context(sorted, context);
  // The first example of each one's group, which numbers the group.
  std::vector<Index> first(examples.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const Index number = sorted[i];
    const bool same = i > 0 && !context(number).empty() &&
                      std::ranges::equal(context(number), context(sorted[i - 1]));
    first[static_cast<std::size_t>(number)] =
        same ? first[static_cast<std::size_t>(sorted[i - 1])] : number;
  }
  const auto group = [&](Index i) { return first[static_cast<std::size_t>(i)]; };
  order_ = std::move(sorted);
  std::sort(order_.begin(), order_.end(),
            [&](Index a, Index b) { return group(a) != group(b) ? group(a) < group(b) : a < b; });
  for (std::size_t i = 1; i <= order_.size(); ++i) {
    if (i == order_.size() || group(order_[i]) != group(order_[i - 1])) {
      begins_.push_back(static_cast<Index>(i));
    }
  }
}

SOLO_INLINE void ContextOrder::find(const Permutation& permutation, Index first,
                                    std::span<Index> numbers) const {
  std::size_t found = 0;
  for (Index i = 0; found < numbers.size(); ++i) {
    const auto group = static_cast<std::size_t>(permutation(static_cast<std::uint64_t>(i)));
    const Index size = begins_[group + 1] - begins_[group];
    for (Index member = std::min(first, size); member < size && found < numbers.size(); ++member) {
      numbers[found++] = order_[static_cast<std::size_t>(begins_[group] + member)];
    }
    first -= std::min(first, size);
  }
}

}  // namespace solo::inline SOLO_ABI::detail
