// SPDX-License-Identifier: MIT
/// @file
/// Memory for the activations of one step.
#pragma once

#include <solo/core/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <new>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// An allocator whose blocks all end with the step. A block that is released before joins its
/// neighbours, and a request takes the smallest hole that has room, so blocks of any sizes follow
/// each other in the same memory. `reset()` frees everything at once and keeps the memory: after a
/// step as large as any later one nothing is allocated any more. Not thread-safe.
class Arena {
 public:
  /// Blocks of at most so many bytes live until reset() and lie apart: they would split the holes.
  static constexpr Index kSmallBlock = 512;

  /// 64-byte aligned, uninitialised, valid until release() or reset(). Throws std::bad_alloc.
  [[nodiscard]] void* allocate(Index bytes) {
    bytes = rounded(bytes);
    if (bytes > kSmallBlock) return take(bytes);
    if (slab_bytes_ < bytes) {
      slab_ = take(kSlab);
      slab_bytes_ = kSlab;
    }
    slab_bytes_ -= bytes;
    return std::exchange(slab_, slab_ + bytes);
  }

  /// Gives a block of allocate(bytes) back.
  void release(void* pointer, Index bytes) noexcept {
    bytes = rounded(bytes);
    if (pointer == nullptr || bytes <= kSmallBlock) return;
    --blocks_;
    used_ -= bytes;
    auto* const begin = static_cast<std::byte*>(pointer);
    const auto next = std::lower_bound(
        holes_.begin(), holes_.end(), begin,
        [](const Hole& hole, const std::byte* p) { return std::less<>()(hole.begin, p); });
    const bool joins_next = next != holes_.end() && begin + bytes == next->begin;
    const bool joins_last = next != holes_.begin() && (next - 1)->end() == begin;
    if (joins_last) {
      (next - 1)->bytes += bytes + (joins_next ? next->bytes : 0);
      if (joins_next) holes_.erase(next);
    } else if (joins_next) {
      *next = {begin, bytes + next->bytes};
    } else {
      holes_.insert(next, {begin, bytes});  // take() made room
    }
  }

  /// Frees every block. Several chunks become one of their total size.
  void reset() noexcept {
    holes_.clear();
    blocks_ = 0;
    used_ = 0;
    slab_bytes_ = 0;
    if (chunks_.size() > 1) {
      const Index total = reserved();
      chunks_.clear();
      try {
        chunks_.emplace_back(total);
      } catch (const std::bad_alloc&) {  // the next step takes chunks of its own again
        return;
      }
    }
    for (AlignedBuffer<std::byte>& chunk : chunks_) {
      holes_.push_back({chunk.data(), chunk.size()});  // make_room() has seen to it
    }
  }

  /// Bytes taken from the system. What no step has touched of them is not resident.
  [[nodiscard]] Index reserved() const noexcept {
    Index total = 0;
    for (const AlignedBuffer<std::byte>& chunk : chunks_) total += chunk.size();
    return total;
  }
  /// Most bytes that were in use at once so far.
  [[nodiscard]] Index peak_used() const noexcept { return peak_; }

 private:
  struct Hole {
    std::byte* begin;
    Index bytes;
    [[nodiscard]] std::byte* end() const noexcept { return begin + bytes; }
  };
  static constexpr Index kSlab = Index{1} << 16;
  // After a small first chunk, chunks so large that malloc maps each one and gives it back whole.
  static constexpr Index kFirstChunk = Index{1} << 20;
  static constexpr Index kMinGrowth = Index{64} << 20;
  static constexpr Index kMaxGrowth = Index{1} << 30;

  static Index rounded(Index bytes) {
    const auto alignment = static_cast<Index>(kAlignment);
    return std::max((bytes + alignment - 1) / alignment * alignment, alignment);
  }

  std::byte* take(Index bytes) {
    make_room();
    auto best = holes_.end();
    for (auto hole = holes_.begin(); hole != holes_.end(); ++hole) {
      if (hole->bytes >= bytes && (best == holes_.end() || hole->bytes < best->bytes)) best = hole;
    }
    if (best == holes_.end()) best = add_chunk(bytes);
    std::byte* const block = best->begin;
    best->begin += bytes;
    best->bytes -= bytes;
    if (best->bytes == 0) holes_.erase(best);
    ++blocks_;
    used_ += bytes;
    peak_ = std::max(peak_, used_);
    return block;
  }

  /// Holes lie between blocks or chunks, so that release() needs no memory.
  void make_room() {
    const std::size_t most = blocks_ + chunks_.size() + 3;
    if (holes_.capacity() < most) holes_.reserve(2 * most);
  }

  std::vector<Hole>::iterator add_chunk(Index bytes) {
    // Twice as much each time: few chunks waste little where they meet, and what no step touches
    // costs nothing.
    const Index growth =
        chunks_.empty() ? kFirstChunk : std::clamp(reserved(), kMinGrowth, kMaxGrowth);
    AlignedBuffer<std::byte>& chunk = chunks_.emplace_back(std::max(bytes, growth));
    const auto place = std::lower_bound(
        holes_.begin(), holes_.end(), chunk.data(),
        [](const Hole& hole, const std::byte* p) { return std::less<>()(hole.begin, p); });
    return holes_.insert(place, {chunk.data(), chunk.size()});
  }

  std::vector<AlignedBuffer<std::byte>> chunks_;
  std::vector<Hole> holes_;  // by address, none touches another but where chunks meet
  std::size_t blocks_ = 0;   // large ones in use
  Index used_ = 0;           // their bytes
  Index peak_ = 0;
  std::byte* slab_ = nullptr;
  Index slab_bytes_ = 0;  // left of it
};

}  // namespace solo::inline SOLO_ABI
