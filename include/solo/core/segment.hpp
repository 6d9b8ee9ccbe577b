// SPDX-License-Identifier: MIT
/// @file
/// One sequence inside a ragged batch.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/scalar.hpp>

#include <span>

namespace solo::inline SOLO_ABI {

/// `length` consecutive rows of a ragged batch, starting at row `begin`; the first of them has the
/// position `position`. A segment attends to itself (causally) and, if it has one, to the whole of
/// its `parent` segment (an earlier segment without a parent of its own, or -1 for none).
struct Segment {
  Index begin = 0;
  Index length = 0;
  Index position = 0;
  Index parent = -1;
};

/// ShapeError ("batch.segments") unless the segments are `rows` rows in order, none of them shorter
/// than `shortest`, each parent an earlier segment without one.
inline void require_segments(std::span<const Segment> segments, Index rows, Index shortest = 1) {
  Index row = 0;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    if (s.begin != row || s.length < shortest || s.length > rows - row) {
      fail<ShapeError>("batch.segments", "segment ", i, ": rows [", s.begin, ", +", s.length,
                       ") do not follow row ", row, " of ", rows);
    }
    row += s.length;
    if (s.parent == -1) continue;
    const bool known = s.parent >= 0 && s.parent < static_cast<Index>(i);
    if (!known || segments[static_cast<std::size_t>(s.parent)].parent != -1) {
      fail<ShapeError>("batch.segments", "segment ", i, ": its parent ", s.parent,
                       " is not an earlier segment without a parent");
    }
  }
  if (row != rows) {
    fail<ShapeError>("batch.segments", "the segments cover ", row, " of ", rows, " rows");
  }
}

}  // namespace solo::inline SOLO_ABI
