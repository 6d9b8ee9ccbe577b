// SPDX-License-Identifier: MIT
/// @file
/// Lays examples end to end.
#pragma once

#include <solo/data/batch.hpp>
#include <solo/data/example.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI {

/// How a batch lays examples out.
struct CollateOptions {
  /// Examples whose contexts are equal get one parent segment: the context but for its last token,
  /// whose row predicts each example's own first token. Losses and gradients are the same.
  bool share_context = false;
  /// Keeps the rows that no label depends on, so that row i of an example is its token i. By
  /// default an example ends with the row of its last label.
  bool keep_last = false;
};

namespace detail {

/// What making a batch takes besides the batch.
struct CollateScratch {
  std::vector<Index> numbers;  ///< of the examples in the data set
  std::vector<const Example*> examples;
  std::vector<std::size_t> rows;   ///< by example: rows that it needs
  std::vector<Index> groups;       ///< by example: its group of equal contexts, or -1
  std::vector<Index> parents;      ///< by group: the segment of its context, or -1
  std::vector<std::size_t> order;  ///< of the examples with a context, by context
};

}  // namespace detail

/// A batch that is made again and again: it takes no memory from the system any more once it has
/// held the largest.
struct BatchBuffer {
  Batch batch = {};
  detail::CollateScratch scratch = {};
};

namespace detail {

/// Makes `buffer.batch` the ragged batch of buffer.scratch.examples, in their order. An example of
/// which no row is left (none is scored, and keep_last is off) has no segment. segment_examples are
/// places in that list.
void collate(BatchBuffer& buffer, const CollateOptions& options);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/collate.ipp>  // IWYU pragma: keep
#endif
