// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/embedding.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/nn/dropout_places.hpp>
#include <solo/nn/network.hpp>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>

namespace solo::inline SOLO_ABI {

template <Scalar T>
Network<T>::Network(const GPT2Config& config)
    : wte("wte.weight", {config.vocab_size, config.n_embd}, PackOrder::transposed),
      wpe("wpe.weight", {config.n_positions, config.n_embd}),
      ln_f("ln_f", config.n_embd, config.layer_norm_epsilon) {
  for (int i = 0; i < static_cast<int>(config.n_layer); ++i) {
    blocks.push_back(std::make_unique<Block<T>>(config, i));
  }
  if (!config.tie_word_embeddings) {
    lm_head = std::make_unique<Parameter<T>>("lm_head.weight",
                                             std::vector<Index>{config.vocab_size, config.n_embd},
                                             PackOrder::transposed);
  }
  int id = 0;
  for (Parameter<T>* p : parameters()) p->set_id(id++);
}

template <Scalar T>
std::vector<Parameter<T>*> Network<T>::parameters() {
  std::vector<Parameter<T>*> all = {&wte, &wpe};
  for (const auto& block : blocks) {
    for (Parameter<T>* p : block->parameters()) all.push_back(p);
  }
  all.push_back(&ln_f.weight);
  all.push_back(&ln_f.bias);
  if (lm_head) all.push_back(lm_head.get());
  return all;
}

template <Scalar T>
bool Network<T>::head_equals_wte() const {
  const Operand<T> a = lm_head->operand();
  const Operand<T> b = wte.operand();
  std::vector<T> row(static_cast<std::size_t>(a.cols));
  std::vector<T> other(row.size());
  for (Index i = 0; i < a.rows; ++i) {
    a.copy_row(i, row.data());
    b.copy_row(i, other.data());
    if (row != other) return false;
  }
  return true;
}

template <Scalar T>
Var<T> Network<T>::embed(const ForwardContext<T>& context, const GPT2Config& config,
                         std::span<const int> ids) {
  Tape<T>& tape = context.tape;
  Index* const positions = tape.template scratch<Index>(static_cast<Index>(ids.size()));
  for (const Segment& s : context.segments) {
    std::iota(positions + s.begin, positions + s.begin + s.length, s.position);
  }
  Var<T> h = embedding<T>(tape, {.ids = ids,
                                 .positions = {positions, ids.size()},
                                 .wte = &context.hooks.resolve(wte),
                                 .wpe = &context.hooks.resolve(wpe),
                                 .rows = &context.hooks.token_rows});
  if (const TableUpdate<T>* const update = context.hooks.token_update; update != nullptr) {
    const Var<T> looked_up = columns(tape, *update->a, ids);
    const Var<T> low_rank = scale(tape, looked_up, update->scale);
    tape.release(looked_up);
    const Var<T> changed = linear<T>(
        tape, low_rank, {.weight = update->b, .layout = WeightLayout::out_in, .residual = h});
    tape.release(low_rank);
    tape.release(h);
    h = changed;
  }
  // Block numbers give every other place its number; the embedding's follows the last block's.
  const auto site =
      detail::dropout_site(static_cast<int>(blocks.size()), detail::DropoutPlace::embedding);
  return detail::residual_dropout(
      tape, h, {.p = context.model_dropout ? config.embd_pdrop : 0.0, .site = site});
}

template <Scalar T>
LmHead<T> Network<T>::adapted_head(const ForwardContext<T>& context, Var<T> normed) {
  const ActiveHooks<T>& hooks = context.hooks;
  LmHead<T> result{.weight = &hooks.resolve_head(head()), .rows = &hooks.head_rows};
  const TableUpdate<T>* const update = hooks.head_update;
  if (update == nullptr) return result;
  Tape<T>& tape = context.tape;
  const Var<T> input = dropout(tape, normed, {.p = update->dropout, .site = update->site});
  const Var<T> projected =
      linear<T>(tape, input, {.weight = update->a, .layout = WeightLayout::out_in});
  if (!(input == normed)) tape.release(input);
  result.low_rank = scale(tape, projected, update->scale);
  tape.release(projected);
  result.factor = update->b;
  return result;
}

template <Scalar T>
Var<T> Network<T>::link_delta(const ForwardContext<T>& context, const LinkCall<T>& call,
                              Index history) {
  Tape<T>& tape = context.tape;
  BlockAdapter<T>* const adapter = context.hooks.block;
  LinkCall<T> whole = call;
  if (history >= 0 && !context.histories.empty()) {
    const auto count = static_cast<Index>(context.histories.size());
    auto* const own = tape.template scratch<LinkHistory<T>>(count);
    std::transform(context.histories.begin(), context.histories.end(), own,
                   [history](const LinkHistory<T>& h) {
                     return LinkHistory<T>{h.before + history, h.after + history};
                   });
    whole.histories = {own, context.histories.size()};
  }
  if (!tape.pass().gradient_checkpointing) return adapter->delta_of(tape, whole);
  return tape.checkpoint(call.h, [adapter, whole](Tape<T>& t) {
    const Var<T> delta = adapter->delta_of(t, whole);
    return delta == whole.h ? scale(t, whole.h, 1.0) : delta;  // a checkpoint's result is new
  });
}

template <Scalar T>
Var<T> Network<T>::add_links(const ForwardContext<T>& context, int i, Var<T> raw,
                             std::span<Var<T>> outputs) {
  Tape<T>& tape = context.tape;
  const ActiveHooks<T>& hooks = context.hooks;
  const auto at = [](int n) { return static_cast<std::size_t>(n); };
  Var<T> h = raw;
  if (hooks.block == nullptr) return h;
  for (std::size_t k = 0; k < hooks.sources[at(i)].size(); ++k) {
    const Link link{hooks.sources[at(i)][k], i};
    const Var<T> from = link.src == i ? raw : outputs[at(link.src)];
    const bool fewer = from.rows() != raw.rows();  // raw has the needed rows only
    const Var<T> delta = link_delta(context,
                                    {.link = link,
                                     .h = from,
                                     .segments = context.segments,
                                     .needed = fewer ? context.needed : std::span<const Index>()},
                                    hooks.histories[at(i)][k]);
    if (context.observer != nullptr) (*context.observer)(link, raw.value(), delta.value());
    const Var<T> corrected = add(tape, h, delta);
    if (!(delta == from)) tape.release(delta);
    if (!(h == raw)) tape.release(h);
    h = corrected;
    if (link.src != i && hooks.last_reader[at(link.src)] == i) tape.release(from);
  }
  const bool keep_raw = hooks.block->raw_source() && hooks.last_reader[at(i)] > i;
  if (!(h == raw) && !keep_raw) tape.release(raw);
  outputs[at(i)] = hooks.block->raw_source() ? raw : h;
  return h;
}

template <Scalar T>
Var<T> Network<T>::forward(const ForwardContext<T>& context, const GPT2Config& config,
                           std::span<const int> ids) {
  Tape<T>& tape = context.tape;
  const ActiveHooks<T>& hooks = context.hooks;
  const auto at = [](int i) { return static_cast<std::size_t>(i); };
  const auto last = static_cast<int>(blocks.size());
  const auto last_reader = [&](int i) {
    return hooks.block == nullptr ? 0 : hooks.last_reader[at(i)];
  };
  // As later links read them.
  const std::span<Var<T>> outputs(tape.template scratch<Var<T>>(last + 1), at(last + 1));
  std::uninitialized_fill(outputs.begin(), outputs.end(), Var<T>());
  if (!context.needed.empty()) tape.number_rows(context.needed);
  int first = 0;
  if (context.prefix == nullptr) {
    outputs[0] = embed(context, config, ids);
  } else {
    first = context.prefix->blocks;
    for (std::size_t k = 0; k < context.prefix_outputs.size(); ++k) {
      outputs[at(context.prefix->outputs[k])] = context.prefix_outputs[k];
    }
  }
  ForwardContext<T> inner = context;
  const bool late = !context.needed.empty() && hooks.needs_all_rows(last);
  if (late) inner.needed = {};
  Var<T> h = outputs[at(first)];
  if (first == last && !inner.needed.empty()) h = rows(tape, h, inner.needed);
  h = add_links(inner, first, h, outputs);
  for (int i = first + 1; i <= last; ++i) {
    const Var<T> input = h;
    Block<T>* const block = blocks[at(i - 1)].get();
    const Var<T> raw = tape.checkpoint(input, [inner, &config, block, input](Tape<T>&) {
      return block->forward(inner, config, input);
    });
    if (!(input == outputs[at(i - 1)]) || last_reader(i - 1) < i) tape.release(input);
    h = add_links(inner, i, raw, outputs);
  }
  if (late) {
    const Var<T> all = h;
    h = rows(tape, all, context.needed);
    tape.release(all);
  }
  return h;
}

template <Scalar T>
void Network<T>::forward_prefix(const ForwardContext<T>& context, const GPT2Config& config,
                                std::span<const int> ids, const FrozenPrefix& prefix,
                                std::span<const MatrixView<T>> results) {
  std::size_t next = 0;
  Var<T> h = embed(context, config, ids);
  for (int i = 0;; ++i) {
    if (prefix.outputs[next] == i) {
      const ConstMatrixView<T> values = h.value();
      for (Index row = 0; row < values.rows; ++row) {
        std::copy_n(values.row(row), values.cols, results[next].row(row));
      }
      ++next;
    }
    if (i == prefix.blocks) return;
    const Var<T> input = h;
    h = blocks[static_cast<std::size_t>(i)]->forward(context, config, input);
    context.tape.release(input);
  }
}

template <Scalar T>
int Network<T>::frozen_blocks(const ActiveHooks<T>& hooks) {
  const auto frozen = [&](Parameter<T>* p) {
    return &hooks.resolve(*p) == p && !p->requires_grad();
  };
  const auto untouched = [&](int i) {  // block i + 1, and output i that it reads
    if (hooks.block != nullptr && !hooks.sources[static_cast<std::size_t>(i)].empty()) return false;
    for (int kind = 0; kind < kLinearsPerBlock; ++kind) {
      if (hooks.acts_on({.layer = i, .kind = static_cast<LinearKind>(kind)})) return false;
    }
    const auto parameters = blocks[static_cast<std::size_t>(i)]->parameters();
    return std::all_of(parameters.begin(), parameters.end(), frozen);
  };
  if (!frozen(&wte) || !frozen(&wpe) || !hooks.token_rows.empty() ||
      hooks.token_update != nullptr) {
    return 0;
  }
  int count = 0;
  while (static_cast<std::size_t>(count) < blocks.size() && untouched(count)) ++count;
  return count;
}

template <Scalar T>
FrozenPrefix Network<T>::frozen_prefix(const ActiveHooks<T>& hooks) {
  FrozenPrefix prefix{.blocks = frozen_blocks(hooks)};
  for (int i = 0; i <= prefix.blocks; ++i) {
    if (reads_output(hooks, prefix.blocks, i)) prefix.outputs.push_back(i);
  }
  return prefix;
}

template <Scalar T>
bool Network<T>::has_prefix(const ActiveHooks<T>& hooks, const FrozenPrefix& prefix) {
  if (prefix.blocks != frozen_blocks(hooks)) return false;
  auto next = prefix.outputs.begin();
  for (int i = 0; i <= prefix.blocks; ++i) {
    if (!reads_output(hooks, prefix.blocks, i)) continue;
    if (next == prefix.outputs.end() || *next++ != i) return false;
  }
  return next == prefix.outputs.end();
}

#if !SOLO_HEADER_ONLY
template struct Network<float>;
template struct Network<double>;
#endif

}  // namespace solo::inline SOLO_ABI
