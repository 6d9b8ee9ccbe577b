// SPDX-License-Identifier: MIT
/// @file
/// Working memory of the kernels.
#pragma once

#include <solo/core/tensor.hpp>

namespace solo::inline SOLO_ABI::detail {

/// Room for `size` elements, one such buffer a thread and slot. It only grows, so a warm call
/// allocates nothing; the contents are lost between calls.
template <class T, int slot>
T* thread_buffer(Index size) {
  thread_local AlignedBuffer<T> buffer;
  buffer.reserve(size);
  return buffer.data();
}

/// Slots: the packed left operand of a product (used by the calling thread while workers read it),
/// the packed right operand, the attention's panels; scores, numbers and sums of tokens to choose
/// from; the blocks of a gradient's norm.
inline constexpr int kPackedLeft = 0;
inline constexpr int kPackedRight = 1;
inline constexpr int kAttention = 2;
inline constexpr int kTokenScores = 3;
inline constexpr int kTokens = 4;
inline constexpr int kTokenSums = 5;
inline constexpr int kGradientNorm = 6;

}  // namespace solo::inline SOLO_ABI::detail
