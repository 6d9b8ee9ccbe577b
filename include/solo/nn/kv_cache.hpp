// SPDX-License-Identifier: MIT
/// @file
/// Keys and values of sequences under generation.
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/ops/attention.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Per sequence and layer, the keys and values of the tokens seen so far, kBlock tokens a block.
/// Sequences with a common beginning share its blocks: reorder() copies nothing, and the first
/// token that follows copies the last, started block of a sequence that shares it.
template <Scalar T>
class KeyValueCache {
 public:
  static constexpr Index kBlock = 32;

  /// `sequences` empty sequences of up to `capacity` tokens; memory is taken as they grow.
  KeyValueCache(const GPT2Config& config, Index sequences, Index capacity)
      : layers_(config.n_layer), width_(config.n_embd), capacity_(capacity) {
    sequences_.resize(static_cast<std::size_t>(sequences));
  }

  [[nodiscard]] Index sequences() const noexcept { return static_cast<Index>(sequences_.size()); }
  [[nodiscard]] Index capacity() const noexcept { return capacity_; }
  [[nodiscard]] Index length(Index sequence) const { return at(sequence).length; }
  /// What the layer has of the sequence.
  [[nodiscard]] ops::PastKeyValues<T> past(Index layer, Index sequence) const {
    ops::PastKeyValues<T> runs;
    const Sequence& s = at(sequence);
    for (Index begin = 0; begin < s.length; begin += kBlock) {
      const Block& block = s.blocks[static_cast<std::size_t>(begin / kBlock)];
      runs.push_back({.keys = keys(*block, layer),
                      .values = keys(*block, layer) + kBlock * width_,
                      .key_stride = width_,
                      .value_stride = width_,
                      .length = std::min(kBlock, s.length - begin)});
    }
    return runs;
  }
  /// Makes room for `rows` more tokens of the sequence; append() needs it.
  void reserve(Index sequence, Index rows) {
    Sequence& s = at(sequence);
    const Index started = s.length % kBlock;
    s.blocks.resize(static_cast<std::size_t>((s.length + kBlock - 1) / kBlock));
    if (rows > 0 && started != 0 && s.blocks.back().use_count() > 1) copy_last_block(s, started);
    while (static_cast<Index>(s.blocks.size()) * kBlock < s.length + rows) {
      s.blocks.push_back(make_block());
    }
  }
  /// Stores keys and values of the rows that follow in this layer; advance() counts them
  /// afterwards.
  void append(Index layer, Index sequence, ConstMatrixView<T> qkv) {
    const Sequence& s = at(sequence);
    for (Index i = 0; i < qkv.rows; ++i) {
      const Index place = s.length + i;
      T* const key = keys(*s.blocks[static_cast<std::size_t>(place / kBlock)], layer) +
                     place % kBlock * width_;
      std::copy_n(qkv.row(i) + width_, width_, key);
      std::copy_n(qkv.row(i) + 2 * width_, width_, key + kBlock * width_);
    }
  }
  void advance(Index sequence, Index rows) { at(sequence).length += rows; }
  /// Sequence i becomes what sequence parents[i] was; there are as many as parents afterwards.
  void reorder(std::span<const Index> parents) {
    std::vector<Sequence> sequences;
    sequences.reserve(parents.size());
    for (const Index parent : parents) sequences.push_back(at(parent));
    sequences_ = std::move(sequences);
  }

 private:
  using Block = std::shared_ptr<AlignedBuffer<T>>;  // by layer: keys, then values, (kBlock, width)

  struct Sequence {
    std::vector<Block> blocks;
    Index length = 0;
  };

  [[nodiscard]] Sequence& at(Index i) { return sequences_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const Sequence& at(Index i) const {
    return sequences_[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] T* keys(AlignedBuffer<T>& block, Index layer) const {
    return block.data() + 2 * layer * kBlock * width_;
  }
  [[nodiscard]] Block make_block() const {
    return std::make_shared<AlignedBuffer<T>>(
        checked_product(checked_product(2 * layers_, kBlock), width_));
  }
  /// Gives the sequence its own copy of the `started` tokens of its last block.
  void copy_last_block(Sequence& s, Index started) const {
    const Block copy = make_block();
    for (Index run = 0; run < 2 * layers_; ++run) {
      const Index begin = run * kBlock * width_;
      std::copy_n(s.blocks.back()->data() + begin, started * width_, copy->data() + begin);
    }
    s.blocks.back() = copy;
  }

  Index layers_;
  Index width_;
  Index capacity_;
  std::vector<Sequence> sequences_;
};

}  // namespace solo::inline SOLO_ABI
