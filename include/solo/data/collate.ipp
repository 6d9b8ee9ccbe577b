// SPDX-License-Identifier: MIT
#pragma once

#include <solo/data/collate.hpp>
#include <solo/data/context_order.hpp>

#include <algorithm>
#include <numeric>

namespace solo::inline SOLO_ABI {
namespace detail {

/// Rows an example needs: up to the one that predicts its last label.
[[nodiscard]] SOLO_INLINE std::size_t rows_needed(const Example& example, bool keep_last) {
  if (keep_last) return example.ids.size();
  std::size_t rows = example.labels.size();
  while (rows > 1 && example.labels[rows - 1] == kIgnoreIndex) --rows;
  return rows > 0 ? rows - 1 : 0;
}

/// Fills scratch.groups: for every example the number of its group of equal contexts, or -1 if it
/// stands alone. (The last context token belongs to the context too; that it differs is no reason
/// not to share the rest.)
SOLO_INLINE void find_context_groups(CollateScratch& scratch) {
  std::vector<std::size_t>& order = scratch.order;
  order.resize(scratch.examples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto context = [&](std::size_t i) { return shareable_context(*scratch.examples[i]); };
  std::erase_if(order, [&](std::size_t i) {
    return context(i).empty() || scratch.rows[i] <= context(i).size();
  });
  sort_by_context(order, context);
  const auto equal = [&](std::size_t a, std::size_t b) {
    return std::ranges::equal(context(a), context(b));
  };
  Index group = 0;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (!equal(order[i - 1], order[i])) {
      ++group;
      continue;
    }
    scratch.groups[order[i - 1]] = group;
    scratch.groups[order[i]] = group;
  }
}

/// Appends the rows [first, last) of an example as a segment.
SOLO_INLINE void append_segment(Batch& batch, const Example& example, std::size_t first,
                                std::size_t last, Index parent) {
  batch.segments.push_back({.begin = batch.rows(),
                            .length = static_cast<Index>(last - first),
                            .position = static_cast<Index>(first),
                            .parent = parent});
  for (std::size_t i = first; i < last; ++i) {
    const int target = i + 1 < example.labels.size() ? example.labels[i + 1] : kIgnoreIndex;
    batch.ids.push_back(example.ids[i]);
    batch.targets.push_back(target);
    if (target != kIgnoreIndex) ++batch.scored_tokens;
  }
}

SOLO_INLINE void collate(BatchBuffer& buffer, const CollateOptions& options) {
  CollateScratch& scratch = buffer.scratch;
  Batch& batch = buffer.batch;
  const std::size_t count = scratch.examples.size();
  batch.ids.clear();
  batch.targets.clear();
  batch.segments.clear();
  batch.segment_examples.clear();
  batch.examples = static_cast<Index>(count);
  batch.scored_tokens = 0;
  scratch.rows.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    scratch.rows[i] = rows_needed(*scratch.examples[i], options.keep_last);
  }
  scratch.groups.assign(count, -1);
  scratch.parents.assign(count, -1);
  if (options.share_context) find_context_groups(scratch);
  for (std::size_t i = 0; i < count; ++i) {
    const Example& example = *scratch.examples[i];
    const std::size_t rows = scratch.rows[i];
    if (rows == 0) continue;
    const auto number = static_cast<Index>(i);
    if (scratch.groups[i] < 0) {
      append_segment(batch, example, 0, rows, -1);
      batch.segment_examples.push_back(number);
      continue;
    }
    const std::size_t shared = shareable_context(example).size();
    Index& parent = scratch.parents[static_cast<std::size_t>(scratch.groups[i])];
    if (parent < 0) {
      parent = static_cast<Index>(batch.segments.size());
      append_segment(batch, example, 0, shared, -1);
      batch.segment_examples.push_back(number);
    }
    append_segment(batch, example, shared, rows, parent);
    batch.segment_examples.push_back(number);
  }
}

}  // namespace detail
}  // namespace solo::inline SOLO_ABI
