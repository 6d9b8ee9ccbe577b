// SPDX-License-Identifier: MIT
/// @file
/// The layers of a block: parameters and one forward function each. An adapter's hooks act here.
#pragma once

#include <solo/autograd/functions.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/table_rows.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/segment.hpp>
#include <solo/nn/frozen_prefix.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>
#include <solo/nn/kv_cache.hpp>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What a forward pass sees of an adapter; all empty for the bare base.
template <Scalar T>
struct ActiveHooks {
  BlockAdapter<T>* block = nullptr;
  LinearAdapter<T>* linear = nullptr;
  std::vector<bool> sites;                ///< by LinearSite::index(): linear works there
  std::vector<std::vector<int>> sources;  ///< by block output: the sources of links that end there
  std::vector<int> last_reader;           ///< by block output: the last output a link takes it to
  std::vector<std::vector<Index>> histories;  ///< as sources: where a link's history begins, or -1
  Index history_size = 0;                     ///< numbers of all links, for each sequence
  std::vector<Parameter<T>*> replaced;  ///< by Parameter::id(): the tensor used instead, or null
  Parameter<T>* head = nullptr;         ///< what a tied head uses instead, or null
  TableRows<T> token_rows = {};         ///< of the embedding, replaced
  TableRows<T> head_rows = {};          ///< of the head, replaced
  const TableUpdate<T>* token_update = nullptr;  ///< of the embedding, or null
  const TableUpdate<T>* head_update = nullptr;   ///< of the head, or null

  [[nodiscard]] Parameter<T>& resolve(Parameter<T>& base) const {
    const auto id = static_cast<std::size_t>(base.id());
    return id < replaced.size() && replaced[id] != nullptr ? *replaced[id] : base;
  }
  [[nodiscard]] Parameter<T>& resolve_head(Parameter<T>& base) const {
    return head != nullptr ? *head : resolve(base);
  }
  /// Whether a link reads the rows of block output i that come before those that are needed.
  [[nodiscard]] bool needs_all_rows(int i) const {
    if (block == nullptr || history_size == 0) return false;
    const auto at = static_cast<std::size_t>(i);
    const std::vector<int>& from = sources[at];
    return !from.empty() && from.back() == i && histories[at].back() >= 0;
  }
  [[nodiscard]] bool acts_on(const LinearSite& site) const {
    const auto i = static_cast<std::size_t>(site.index());
    return linear != nullptr && i < sites.size() && sites[i];
  }
};

/// One forward pass. With a cache, segment i continues cached[i].
template <Scalar T>
struct ForwardContext {
  Tape<T>& tape;
  const ActiveHooks<T>& hooks;
  std::span<const Segment> segments;
  /// Ascending: only these rows are read of the result, and nothing else is computed in the last
  /// block but keys and values. Empty: all.
  std::span<const Index> needed = {};
  /// If not null: its outputs are given, and its blocks left out.
  const FrozenPrefix* prefix = nullptr;
  std::span<const Var<T>> prefix_outputs = {};
  bool model_dropout = false;
  std::span<const ops::CachedSequence<T>> cached = {};
  Index capacity = 0;                              ///< of the cache
  std::span<const LinkHistory<T>> histories = {};  ///< as cached, of all links; empty without
  const LinkObserver<T>* observer = nullptr;
};

/// y = x · W + b, W (in, out) as in Hugging Face's Conv1D, then the adapter's change.
template <Scalar T>
struct Linear {
  LinearSite site;
  Parameter<T> weight;
  Parameter<T> bias;

  Linear(const LinearSite& place, Index in, Index out);
  [[nodiscard]] Var<T> forward(const ForwardContext<T>& context, Var<T> x);
  /// forward(x) + residual.
  [[nodiscard]] Var<T> forward_onto(const ForwardContext<T>& context, Var<T> x, Var<T> residual,
                                    const DropoutArgs& dropout);
  /// f(forward(x)).
  [[nodiscard]] Var<T> forward_through(const ForwardContext<T>& context, Var<T> x, Activation f);
};

/// Layer norm with weight and bias.
template <Scalar T>
struct LayerNorm {
  Parameter<T> weight;
  Parameter<T> bias;
  double eps;

  LayerNorm(const std::string& name, Index width, double epsilon);
  [[nodiscard]] Var<T> forward(const ForwardContext<T>& context, Var<T> x);
};

/// h + attention(ln_1(h)), then + mlp(ln_2(·)).
template <Scalar T>
struct Block {
  int layer;  ///< 0-based
  LayerNorm<T> ln_1;
  Linear<T> c_attn;
  Linear<T> attn_c_proj;
  LayerNorm<T> ln_2;
  Linear<T> c_fc;
  Linear<T> mlp_c_proj;

  Block(const GPT2Config& config, int number);
  /// h stays readable; everything else is given back as soon as no backward step needs it. The last
  /// block gives the needed rows only.
  [[nodiscard]] Var<T> forward(const ForwardContext<T>& context, const GPT2Config& config,
                               Var<T> h);
  /// In the order of the file.
  [[nodiscard]] std::array<Parameter<T>*, 12> parameters();

 private:
  [[nodiscard]] Var<T> attend(const ForwardContext<T>& context, const GPT2Config& config, Var<T> x);
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/block.ipp>  // IWYU pragma: keep
#endif
