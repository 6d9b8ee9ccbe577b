// SPDX-License-Identifier: MIT
/// @file
/// Keeps what the frozen prefix gives for each example, so that later epochs skip its blocks.
#pragma once

#include <solo/autograd/tape.hpp>
#include <solo/data/dataset.hpp>
#include <solo/nn/frozen_prefix.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/train/prefix_cache_options.hpp>
#include <solo/train/prefix_layout.hpp>
#include <solo/train/prefix_store.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The PrefixSource of a training run: reads the rows of a batch that it has, computes the others
/// and keeps them as far as there is room. A context that examples share is kept once. Since a
/// row's bits depend neither on its batch nor on how a sequence is cut, with dtype float32 results
/// are those without a cache, bit for bit.
template <Scalar T>
class PrefixCache final : public PrefixSource<T> {
 public:
  /// For batches of `data` and the model's active adapter; the model must outlive it. Throws
  /// ConfigError "prefix_cache.none" when the adapter acts in the first block (or the embedding
  /// trains), so that nothing could be skipped, and as make_memory_store and open_file_store.
  PrefixCache(GPT2<T>& model, const Dataset& data, const PrefixCacheOptions& options);

  [[nodiscard]] const FrozenPrefix& prefix() const override { return prefix_; }
  /// Throws ShapeError ("prefix_cache.batch") for a batch of other data, "shape.mismatch" and
  /// "shape.view" for other matrices, and as PrefixStore.
  void fill(const Batch& batch, std::span<const MatrixView<T>> outputs) override;
  [[nodiscard]] PrefixCacheInfo info() const;

 private:
  struct Loaded {
    Index piece = 0;
    std::size_t begin = 0;  // of its bytes in bytes_
  };

  [[nodiscard]] PrefixContents contents(GPT2<T>& model) const;
  /// Puts the pieces of parts_ into loaded_ and bytes_.
  void load();
  void compute(const std::vector<std::size_t>& missing);
  [[nodiscard]] std::span<std::byte> bytes_of(const Loaded& loaded);
  template <class Element>
  void pack(const Loaded& loaded, Index first_row);
  template <class Element>
  void unpack(const PrefixLayout::Part& part, std::span<const MatrixView<T>> outputs);

  const GPT2<T>& model_;
  PrefixCacheOptions options_;
  FrozenPrefix prefix_;
  PrefixLayout layout_;
  std::int64_t row_bytes_ = 0;
  std::unique_ptr<PrefixStore> store_;
  PrefixCacheInfo info_;
  Tape<T> tape_;

  // Of one batch.
  std::vector<PrefixLayout::Part> parts_;
  std::vector<Loaded> loaded_;  // by piece
  std::vector<std::byte> bytes_;
  std::vector<Tensor<T>> computed_;  // by output
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/prefix_cache.ipp>  // IWYU pragma: keep
#endif
