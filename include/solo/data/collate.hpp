// SPDX-License-Identifier: MIT
/// @file
/// Lays examples end to end.
#pragma once

#include <solo/data/batch.hpp>
#include <solo/data/example.hpp>

#include <span>

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

/// The ragged batch of these examples, in their order. An example of which no row is left (none is
/// scored, and keep_last is off) has no segment.
[[nodiscard]] Batch collate(std::span<const Example* const> examples,
                            const CollateOptions& options);

}  // namespace detail
}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/data/collate.ipp>  // IWYU pragma: keep
#endif
