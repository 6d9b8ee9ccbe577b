// SPDX-License-Identifier: MIT
/// @file
/// Keys and values of sequences under generation.
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/ops/attention.hpp>

#include <vector>

namespace solo::inline SOLO_ABI {

/// Per sequence and layer, the keys and values of the tokens seen so far: (length, n_embd) each.
template <Scalar T>
class KeyValueCache {
 public:
  /// Room for `sequences` sequences of up to `capacity` tokens.
  KeyValueCache(const GPT2Config& config, Index sequences, Index capacity)
      : layers_(config.n_layer), width_(config.n_embd), capacity_(capacity) {
    const Index size = checked_product(checked_product(2 * layers_, capacity), width_);
    for (Index i = 0; i < sequences; ++i) buffers_.emplace_back(size);
    lengths_.assign(static_cast<std::size_t>(sequences), 0);
  }

  [[nodiscard]] Index sequences() const noexcept { return static_cast<Index>(buffers_.size()); }
  [[nodiscard]] Index capacity() const noexcept { return capacity_; }
  [[nodiscard]] Index length(Index sequence) const { return lengths_[at(sequence)]; }
  /// What the layer has of the sequence.
  [[nodiscard]] ops::PastKeyValues<T> past(Index layer, Index sequence) const {
    const T* const keys = buffers_[at(sequence)].data() + 2 * layer * capacity_ * width_;
    return {{keys, length(sequence), width_},
            {keys + capacity_ * width_, length(sequence), width_}};
  }
  /// Stores keys and values of the rows that follow in this layer; advance() counts them
  /// afterwards.
  void append(Index layer, Index sequence, ConstMatrixView<T> qkv) {
    T* const keys = buffers_[at(sequence)].data() + 2 * layer * capacity_ * width_;
    T* const values = keys + capacity_ * width_;
    for (Index i = 0; i < qkv.rows; ++i) {
      const Index place = (length(sequence) + i) * width_;
      std::copy_n(qkv.row(i) + width_, width_, keys + place);
      std::copy_n(qkv.row(i) + 2 * width_, width_, values + place);
    }
  }
  void advance(Index sequence, Index rows) { lengths_[at(sequence)] += rows; }

 private:
  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }

  Index layers_;
  Index width_;
  Index capacity_;
  std::vector<AlignedBuffer<T>> buffers_;
  std::vector<Index> lengths_;
};

}  // namespace solo::inline SOLO_ABI
