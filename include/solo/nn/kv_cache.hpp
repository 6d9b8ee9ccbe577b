// SPDX-License-Identifier: MIT
/// @file
/// Keys and values of sequences under generation.
#pragma once

#include <solo/autograd/tape.hpp>
#include <solo/core/tensor.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>
#include <solo/ops/cached_attention.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Per sequence and layer, the keys and values of the tokens seen so far, kBlock tokens a block,
/// and what an adapter's links have to know of these tokens (BlockAdapter::history). Sequences with
/// a common beginning share its blocks: reorder() copies nothing, and the pass that follows copies
/// the last, started block of a sequence that shares it. Blocks that no sequence uses any more are
/// used again. It also keeps the memory that the passes work with.
template <Scalar T>
class KeyValueCache {
 public:
  static constexpr Index kBlock = detail::kCacheBlock;

  /// `sequences` empty sequences of up to `capacity` tokens; memory is taken as they grow. Throws
  /// ConfigError as GPT2Config::validate, ShapeError ("cache.capacity") unless 1 <= capacity <=
  /// n_positions, ("cache.sequence") below 0 or over 2^24 sequences.
  KeyValueCache(const GPT2Config& config, Index sequences, Index capacity)
      : layers_(config.n_layer), heads_(config.n_head), width_(config.n_embd), capacity_(capacity) {
    config.validate();
    block_size_ = checked_product(checked_product(layers_, heads_),
                                  detail::cached_head_size(config.head_dim()));
    if (capacity < 1 || capacity > config.n_positions) {
      fail<ShapeError>("cache.capacity", "capacity: expected 1 to n_positions ", config.n_positions,
                       ", found ", capacity);
    }
    resize(sequences);
    count_ = sequences;
  }
  KeyValueCache(const KeyValueCache&) = delete;
  KeyValueCache& operator=(const KeyValueCache&) = delete;

  [[nodiscard]] Index sequences() const noexcept { return count_; }
  [[nodiscard]] Index capacity() const noexcept { return capacity_; }
  /// Tokens of a sequence. Throws ShapeError ("cache.sequence"), here and below, for a number that
  /// none has.
  [[nodiscard]] Index length(Index sequence) const { return at(sequence).length; }
  [[nodiscard]] Index block_bytes() const {
    return checked_product(block_size_, static_cast<Index>(sizeof(T)));
  }
  /// Blocks that memory was taken for.
  [[nodiscard]] Index blocks() const noexcept { return static_cast<Index>(blocks_.size()); }
  /// Takes the memory for this many sequences and blocks: as long as no more are in use, nothing is
  /// allocated any more. Throws ShapeError ("cache.capacity") for more blocks than so many
  /// sequences can use.
  void prepare(Index sequences, Index blocks) {
    resize(sequences);
    const Index most = checked_product(std::max(sequences, count_), blocks_of(capacity_));
    if (blocks < 0 || blocks > most) {
      fail<ShapeError>("cache.capacity", "prepare: expected 0 to ", most, " blocks, found ",
                       blocks);
    }
    while (this->blocks() < blocks) add_block();
  }

  /// Throws ConfigError ("cache.config") unless a model of this configuration can use the cache.
  void require_fits(const GPT2Config& config) const {
    if (config.n_layer == layers_ && config.n_head == heads_ && config.n_embd == width_) return;
    fail<ConfigError>("cache.config", "the cache is of n_layer ", layers_, ", n_head ", heads_,
                      ", n_embd ", width_, "; the model has ", config.n_layer, ", ", config.n_head,
                      ", ", config.n_embd);
  }
  /// Throws ShapeError ("cache.sequence") unless these are different sequences of the cache.
  void require_distinct(std::span<const Index> sequences) {
    ++checks_;
    for (const Index i : sequences) {
      if (std::exchange(at(i).checked, checks_) == checks_) {
        fail<ShapeError>("cache.sequence", "sequence ", i, " is there twice");
      }
    }
  }

  /// What a pass reads and appends to, after reserve().
  [[nodiscard]] ops::CachedSequence<T> view(Index sequence) const {
    const Sequence& s = at(sequence);
    return {.blocks = s.blocks.data(), .source = s.source, .length = s.length};
  }
  /// Makes room for a pass that appends `rows` tokens to the sequence; advance() follows it. Throws
  /// ShapeError ("cache.capacity") when the sequence has no room for them.
  void reserve(Index sequence, Index rows) {
    Sequence& s = at(sequence);
    require_room(sequence, rows, capacity_);
    abandon(s);
    if (rows > 0 && s.length % kBlock != 0 && s.blocks.back()->users > 1) {
      Block* const own = take();
      --s.blocks.back()->users;
      s.source = std::exchange(s.blocks.back(), own);
    }
    while (room(s) < s.length + rows) s.blocks.push_back(take());
  }
  /// What the links know of the sequence, `numbers` of them: zeros at its beginning; and where a
  /// pass puts what they know after it, which counts from advance() on. Throws ConfigError
  /// ("cache.adapter") when the tokens seen so far were of links with another history.
  [[nodiscard]] LinkHistory<T> histories(Index sequence, Index numbers) {
    Sequence& s = at(sequence);
    const auto size = static_cast<std::size_t>(numbers);
    if (s.length == 0) s.known.assign(size, T{});
    if (s.known.size() != size) {
      fail<ConfigError>("cache.adapter", "sequence ", sequence, ": its ", s.length,
                        " tokens were seen by an adapter that keeps ", s.known.size(),
                        " numbers of them; the one in use keeps ", numbers);
    }
    s.next.resize(size);
    return {s.known.data(), s.next.data()};
  }
  /// Counts the tokens that a pass has appended in every layer. Throws ShapeError
  /// ("cache.capacity") for more than reserve() made room for.
  void advance(Index sequence, Index rows) {
    Sequence& s = at(sequence);
    require_room(sequence, rows, std::min(capacity_, room(s)));
    s.length += rows;
    s.source = nullptr;
    std::swap(s.known, s.next);
    s.next.clear();
  }
  /// Sequence i becomes what sequence parents[i] was; there are as many as parents afterwards.
  void reorder(std::span<const Index> parents) {
    const auto count = static_cast<Index>(parents.size());
    for (const Index parent : parents) static_cast<void>(at(parent));
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
    std::uint64_t checked = 0;  // the last require_distinct() that named it
    std::vector<T> known;       // histories of links
    std::vector<T> next;        // those of a pass that runs
  };
  static constexpr Index kMostSequences = Index{1} << 24;

  [[nodiscard]] Sequence& at(Index i) {
    require_sequence(i);
    return sequences_[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] const Sequence& at(Index i) const {
    require_sequence(i);
    return sequences_[static_cast<std::size_t>(i)];
  }
  void require_sequence(Index i) const {
    if (i >= 0 && i < count_) return;
    fail<ShapeError>("cache.sequence", "sequence ", i, ": the cache has ", count_);
  }
  /// ShapeError unless `rows` more tokens of the sequence are `most` or fewer together.
  void require_room(Index sequence, Index rows, Index most) const {
    const Index length = at(sequence).length;
    if (rows >= 0 && rows <= most - length) return;
    fail<ShapeError>("cache.capacity", "sequence ", sequence, ": ", rows, " more tokens than its ",
                     length, " in room for ", most);
  }
  /// Blocks that so many tokens lie in.
  [[nodiscard]] static constexpr Index blocks_of(Index tokens) {
    return tokens / kBlock + (tokens % kBlock == 0 ? 0 : 1);
  }
  /// Tokens that a sequence's blocks have room for.
  [[nodiscard]] static Index room(const Sequence& s) {
    return static_cast<Index>(s.blocks.size()) * kBlock;
  }
  /// Room for so many sequences in both lists.
  void resize(Index sequences) {
    if (sequences < 0 || sequences > kMostSequences) {
      fail<ShapeError>("cache.sequence", "sequences: expected 0 to ", kMostSequences, ", found ",
                       sequences);
    }
    const auto most = static_cast<std::size_t>(blocks_of(capacity_));
    for (std::vector<Sequence>* list : {&sequences_, &next_}) {
      const std::size_t old = list->size();
      list->resize(std::max(old, static_cast<std::size_t>(sequences)));
      for (std::size_t i = old; i < list->size(); ++i) (*list)[i].blocks.reserve(most);
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
    while (room(s) >= s.length + kBlock) {
      drop(s.blocks.back());
      s.blocks.pop_back();
    }
    if (s.source == nullptr) return;
    drop(s.blocks.back());
    s.blocks.back() = std::exchange(s.source, nullptr);
    ++s.blocks.back()->users;
  }

  Index layers_;
  Index heads_;
  Index width_;
  Index block_size_ = 0;
  Index capacity_;
  Index count_ = 0;
  std::uint64_t checks_ = 0;
  std::vector<Sequence> sequences_;  // the first count_ are in use
  std::vector<Sequence> next_;       // those of reorder()
  std::deque<Block> blocks_;
  std::vector<AlignedBuffer<T>> memory_;
  std::vector<Block*> unused_;
  Tape<T> tape_;
  AlignedBuffer<T> logits_;
};

}  // namespace solo::inline SOLO_ABI
