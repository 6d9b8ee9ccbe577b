// SPDX-License-Identifier: MIT
/// @file
/// The whole of GPT-2: embedding, blocks, last norm and head, with an adapter's links between them.
#pragma once

#include <solo/autograd/lm_loss.hpp>
#include <solo/nn/block.hpp>

#include <memory>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Embedding, blocks and last norm.
template <Scalar T>
struct Network {
  Parameter<T> wte;
  Parameter<T> wpe;
  std::vector<std::unique_ptr<Block<T>>> blocks;
  LayerNorm<T> ln_f;
  std::unique_ptr<Parameter<T>> lm_head;  ///< null: tied to wte

  explicit Network(const GPT2Config& config);
  /// In the order of the file; ids are their positions.
  [[nodiscard]] std::vector<Parameter<T>*> parameters();
  /// (vocabulary, n_embd): lm_head, or wte when tied.
  [[nodiscard]] Parameter<T>& head() noexcept { return lm_head ? *lm_head : wte; }
  /// Whether lm_head holds the same elements as wte.
  [[nodiscard]] bool head_equals_wte() const;
  /// The needed rows of the last block's output, links included, before ln_f.
  [[nodiscard]] Var<T> forward(const ForwardContext<T>& context, const GPT2Config& config,
                               std::span<const int> ids);
  /// Computes the prefix's blocks and nothing else: one result for each of its outputs.
  void forward_prefix(const ForwardContext<T>& context, const GPT2Config& config,
                      std::span<const int> ids, const FrozenPrefix& prefix,
                      std::span<const MatrixView<T>> results);
  /// The head that gives the logits of these rows, the last norm's output.
  [[nodiscard]] LmHead<T> adapted_head(const ForwardContext<T>& context, Var<T> normed);
  /// What this adapter, and the base's tensors that train, leave of the model.
  [[nodiscard]] FrozenPrefix frozen_prefix(const ActiveHooks<T>& hooks);
  /// Whether it is that one; allocates nothing.
  [[nodiscard]] bool has_prefix(const ActiveHooks<T>& hooks, const FrozenPrefix& prefix);

 private:
  [[nodiscard]] int frozen_blocks(const ActiveHooks<T>& hooks);
  /// Whether something behind a prefix of so many blocks reads output i of it.
  [[nodiscard]] static bool reads_output(const ActiveHooks<T>& hooks, int prefix_blocks, int i) {
    return i == prefix_blocks ||
           (hooks.block != nullptr && hooks.last_reader[static_cast<std::size_t>(i)] > 0);
  }
  /// Block output i with the links that end there; `outputs` are those before it, and get it.
  [[nodiscard]] Var<T> add_links(const ForwardContext<T>& context, int i, Var<T> raw,
                                 std::span<Var<T>> outputs);
  /// The adapter's Δ of a link, checkpointed; `history` as in ActiveHooks::histories.
  [[nodiscard]] Var<T> link_delta(const ForwardContext<T>& context, const LinkCall<T>& call,
                                  Index history);
  [[nodiscard]] Var<T> embed(const ForwardContext<T>& context, const GPT2Config& config,
                             std::span<const int> ids);
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/network.ipp>  // IWYU pragma: keep
#endif
