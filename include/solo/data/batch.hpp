// SPDX-License-Identifier: MIT
/// @file
/// A ragged batch: sequences end to end, without padding.
#pragma once

#include <solo/core/segment.hpp>

#include <cstdint>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Hugging Face's "no label here".
inline constexpr int kIgnoreIndex = -100;

/// Token rows of several sequences laid end to end (design: losses and gradients equal those of the
/// padded batch). Row i holds token ids[i] and, if targets[i] is not kIgnoreIndex, predicts
/// targets[i] (labels are shifted already).
struct Batch {
  std::vector<int> ids;
  std::vector<int> targets;
  std::vector<Segment> segments;
  /// By segment: which example of the data set it is of, the first one of a shared context. Empty
  /// when the batch is of no data set.
  std::vector<Index> segment_examples = {};
  Index examples = 0;  ///< sequences of the data set in it (segments may be more: shared contexts)
  Index scored_tokens = 0;  ///< rows with a target
  std::uint64_t seed = 0;   ///< key of the random numbers of a training pass (dropout)
  std::int64_t step = 0;    ///< number of the batch, part of that key

  [[nodiscard]] Index rows() const noexcept { return static_cast<Index>(ids.size()); }
};

}  // namespace solo::inline SOLO_ABI
