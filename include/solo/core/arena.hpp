// SPDX-License-Identifier: MIT
/// @file
/// Memory for the activations of one step.
#pragma once

#include <solo/core/tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A bump allocator that also reuses blocks given back within a step. `reset()` frees everything at
/// once and keeps the memory: after a step as large as any later one nothing is allocated any more.
/// Not thread-safe.
class Arena {
 public:
  /// 64-byte aligned, uninitialised, valid until release() or reset(). Throws std::bad_alloc.
  [[nodiscard]] void* allocate(Index bytes) {
    bytes = rounded(bytes);
    for (FreeList& list : free_lists_) {
      if (list.bytes == bytes && list.head != nullptr) {
        FreeBlock* const block = list.head;
        list.head = block->next;
        return block;
      }
    }
    if (chunks_.empty() || used_ + bytes > chunks_.back().size()) add_chunk(bytes);
    std::byte* const block = chunks_.back().data() + used_;
    used_ += bytes;
    return block;
  }

  /// Gives a block of allocate(bytes) back, for later calls of the same size.
  void release(void* pointer, Index bytes) {
    if (pointer == nullptr) return;
    bytes = rounded(bytes);
    auto list = std::find_if(free_lists_.begin(), free_lists_.end(),
                             [&](const FreeList& l) { return l.bytes == bytes; });
    if (list == free_lists_.end()) {
      free_lists_.push_back({bytes, nullptr});
      list = free_lists_.end() - 1;
    }
    list->head = new (pointer) FreeBlock{list->head};
  }

  /// Frees every block. Several chunks become one of their total size.
  void reset() {
    free_lists_.clear();
    used_ = 0;
    if (chunks_.size() > 1) {
      const Index total = reserved();
      chunks_.clear();
      chunks_.emplace_back(total);
    }
  }

  /// Bytes taken from the system.
  [[nodiscard]] Index reserved() const noexcept {
    Index total = 0;
    for (const AlignedBuffer<std::byte>& chunk : chunks_) total += chunk.size();
    return total;
  }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };
  struct FreeList {
    Index bytes;
    FreeBlock* head;
  };
  static constexpr Index kMinChunk = Index{1} << 20;
  static constexpr Index kMaxGrowth = Index{64} << 20;

  static Index rounded(Index bytes) {
    const auto alignment = static_cast<Index>(kAlignment);
    return std::max((bytes + alignment - 1) / alignment * alignment, alignment);
  }
  void add_chunk(Index bytes) {
    const Index growth = std::clamp(reserved() / 2, kMinChunk, kMaxGrowth);
    chunks_.emplace_back(std::max(bytes, growth));
    used_ = 0;
  }

  std::vector<AlignedBuffer<std::byte>> chunks_;
  std::vector<FreeList> free_lists_;
  Index used_ = 0;  // of the last chunk
};

}  // namespace solo::inline SOLO_ABI
