// SPDX-License-Identifier: MIT
/// @file
/// Examples by their contexts, so that those with one context can be shuffled as one.
#pragma once

#include <solo/data/example.hpp>
#include <solo/data/sampler.hpp>

#include <algorithm>
#include <compare>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// The part of an example's context that a parent segment can hold: all but the last token. Empty
/// when some row of it has a label, which would then be counted once instead of once an example.
[[nodiscard]] std::span<const int> shareable_context(const Example& example);

/// Sorts numbers of examples by context(number), then by number; allocates nothing.
template <class Number, class Context>
void sort_by_context(std::vector<Number>& numbers, const Context& context) {
  std::sort(numbers.begin(), numbers.end(), [&](Number a, Number b) {
    const auto x = context(a);
    const auto y = context(b);
    const auto order =
        std::lexicographical_compare_three_way(x.begin(), x.end(), y.begin(), y.end());
    return std::is_lt(order) || (std::is_eq(order) && a < b);
  });
}

/// The numbers of all examples in groups: those with the same shareable context, in their order,
/// and each other example alone. Groups are in the order of their first examples.
class ContextOrder {
 public:
  ContextOrder() = default;
  explicit ContextOrder(std::span<const Example> examples);

  [[nodiscard]] Index groups() const noexcept { return static_cast<Index>(begins_.size()) - 1; }
  /// The examples at the places first, first + 1, … of the groups in permuted order. Takes time in
  /// proportion to the number of groups, and no memory.
  void find(const Permutation& permutation, Index first, std::span<Index> numbers) const;

 private:
  std::vector<Index> order_;
  std::vector<Index> begins_ = {0};  // of the groups in order_, and its size
};

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/data/context_order.ipp>  // IWYU pragma: keep
#endif
