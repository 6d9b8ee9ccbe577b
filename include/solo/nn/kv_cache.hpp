// SPDX-License-Identifier: MIT
/// @file
/// Keys and values of sequences under generation.
#pragma once

#include <solo/autograd/tape.hpp>
#include <solo/core/tensor.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/ops/cached_attention.hpp>

#include <algorithm>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Per sequence and layer, the keys and values of the tokens seen so far, kBlock tokens a block.
/// Sequences with a common beginning share its blocks: reorder() copies nothing, and the pass that
/// follows copies the last, started block of a sequence that shares it. Blocks that no sequence
/// uses any more are used again. It also keeps the memory that the passes work with.
template <Scalar T>
class KeyValueCache {
 public:
  static constexpr Index kBlock = detail::kCacheBlock;

  /// `sequences` empty sequences of up to `capacity` tokens; memory is taken as they grow.
  KeyValueCache(const GPT2Config& config, Index sequences, Index capacity)
      : block_size_(checked_product(checked_product(config.n_layer, config.n_head),
                                    detail::cached_head_size(config.head_dim()))),
        capacity_(capacity) {
    resize(sequences);
    count_ = sequences;
  }
  KeyValueCache(const KeyValueCache&) = delete;
  KeyValueCache& operator=(const KeyValueCache&) = delete;

  [[nodiscard]] Index sequences() const noexcept { return count_; }
  [[nodiscard]] Index capacity() const noexcept { return capacity_; }
  [[nodiscard]] Index length(Index sequence) const { return at(sequence).length; }
  [[nodiscard]] Index block_bytes() const {
    return checked_product(block_size_, static_cast<Index>(sizeof(T)));
  }
  /// Blocks that memory was taken for.
  [[nodiscard]] Index blocks() const noexcept { return static_cast<Index>(blocks_.size()); }
  /// Takes the memory for this many sequences and blocks: as long as no more are in use, nothing is
  /// allocated any more.
  void prepare(Index sequences, Index blocks) {
    resize(sequences);
    while (this->blocks() < blocks) add_block();
  }

  /// What a pass reads and appends to, after reserve().
  [[nodiscard]] ops::CachedSequence<T> view(Index sequence) const {
    const Sequence& s = at(sequence);
    return {.blocks = s.blocks.data(), .source = s.source, .length = s.length};
  }
  /// Makes room for a pass that appends `rows` tokens to the sequence; advance() follows it.
  void reserve(Index sequence, Index rows) {
    Sequence& s = at(sequence);
    abandon(s);
    if (rows > 0 && s.length % kBlock != 0 && s.blocks.back()->users > 1) {
      Block* const own = take();
      --s.blocks.back()->users;
      s.source = std::exchange(s.blocks.back(), own);
    }
    while (static_cast<Index>(s.blocks.size()) * kBlock < s.length + rows) {
      s.blocks.push_back(take());
    }
  }
  /// Counts the tokens that a pass has appended in every layer.
  void advance(Index sequence, Index rows) {
    at(sequence).length += rows;
    at(sequence).source = nullptr;
  }
  /// Sequence i becomes what sequence parents[i] was; there are as many as parents afterwards.
  void reorder(std::span<const Index> parents) {
    const auto count = static_cast<Index>(parents.size());
    resize(count);
    for (Index i = 0; i < count_; ++i) abandon(at(i));
    for (std::size_t i = 0; i < parents.size(); ++i) {
      next_[i] = at(parents[i]);
      for (Block* const block : next_[i].blocks) ++block->users;
    }
    for (Index i = 0; i < count_; ++i) {
      for (Block* const block : at(i).blocks) drop(block);
    }
    std::swap(sequences_, next_);
    count_ = count;
  }

  [[nodiscard]] Tape<T>& tape() noexcept { return tape_; }
  /// The result of a pass, uninitialised.
  [[nodiscard]] MatrixView<T> logits(Index rows, Index cols) {
    logits_.reserve(checked_product(rows, cols));
    return {logits_.data(), rows, cols};
  }

 private:
  using Block = detail::CacheBlock<T>;

  struct Sequence {
    std::vector<Block*> blocks;
    Index length = 0;
    /// While a pass runs: what the last block is to be copied from. Another sequence uses it.
    Block* source = nullptr;
  };

  [[nodiscard]] Sequence& at(Index i) { return sequences_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const Sequence& at(Index i) const {
    return sequences_[static_cast<std::size_t>(i)];
  }
  /// Room for so many sequences in both lists.
  void resize(Index sequences) {
    const auto room = static_cast<std::size_t>((capacity_ + kBlock - 1) / kBlock);
    for (std::vector<Sequence>* list : {&sequences_, &next_}) {
      const std::size_t old = list->size();
      list->resize(std::max(old, static_cast<std::size_t>(sequences)));
      for (std::size_t i = old; i < list->size(); ++i) (*list)[i].blocks.reserve(room);
    }
  }
  void add_block() {
    unused_.reserve(blocks_.size() + 1);
    memory_.emplace_back(block_size_);
    blocks_.push_back({.data = memory_.back().data()});
    unused_.push_back(&blocks_.back());
  }
  [[nodiscard]] Block* take() {
    if (unused_.empty()) add_block();
    Block* const block = unused_.back();
    unused_.pop_back();
    block->users = 1;
    return block;
  }
  void drop(Block* block) {
    if (--block->users == 0) unused_.push_back(block);
  }
  /// Undoes the reserve() of a pass that did not come to advance().
  void abandon(Sequence& s) {
    while (static_cast<Index>(s.blocks.size()) * kBlock >= s.length + kBlock) {
      drop(s.blocks.back());
      s.blocks.pop_back();
    }
    if (s.source == nullptr) return;
    drop(s.blocks.back());
    s.blocks.back() = std::exchange(s.source, nullptr);
    ++s.blocks.back()->users;
  }

  Index block_size_;
  Index capacity_;
  Index count_ = 0;
  std::vector<Sequence> sequences_;  // the first count_ are in use
  std::vector<Sequence> next_;       // those of reorder()
  std::deque<Block> blocks_;
  std::vector<AlignedBuffer<T>> memory_;
  std::vector<Block*> unused_;
  Tape<T> tape_;
  AlignedBuffer<T> logits_;
};

}  // namespace solo::inline SOLO_ABI
