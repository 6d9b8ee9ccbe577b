// SPDX-License-Identifier: MIT
/// @file
/// One sequence inside a ragged batch.
#pragma once

#include <solo/core/scalar.hpp>

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

}  // namespace solo::inline SOLO_ABI
