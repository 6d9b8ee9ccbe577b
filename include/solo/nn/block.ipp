// SPDX-License-Identifier: MIT
#pragma once

#include <solo/nn/block.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Numbers of the dropout places of the base: one for the embedding, three a block.
enum class DropoutPlace : std::uint32_t {
  embedding = 0,
  attention = 1,
  attn_c_proj = 2,
  mlp_c_proj = 3
};

[[nodiscard]] inline std::uint32_t dropout_site(int layer, DropoutPlace place) {
  return static_cast<std::uint32_t>(layer) * 4U + static_cast<std::uint32_t>(place);
}

/// Residual dropout where it is on; x is given back when it became another matrix.
template <Scalar T>
[[nodiscard]] Var<T> residual_dropout(Tape<T>& tape, Var<T> x, const DropoutArgs& args) {
  const Var<T> y = dropout(tape, x, args);
  if (!(y == x)) tape.release(x);
  return y;
}

/// branch + residual, in place of the branch where its value is not needed otherwise.
template <Scalar T>
[[nodiscard]] Var<T> add_residual(Tape<T>& tape, Var<T> branch, Var<T> residual) {
  if (tape.is_kept(branch)) return add(tape, branch, residual);
  add_in_place(tape, branch, residual);
  return branch;
}

}  // namespace detail

template <Scalar T>
Linear<T>::Linear(const LinearSite& place, Index in, Index out)
    : site(place),
      weight(place.name() + ".weight", {in, out}, PackOrder::plain),
      bias(place.name() + ".bias", {out}) {}

template <Scalar T>
Var<T> Linear<T>::forward(const ForwardContext<T>& context, Var<T> x) {
  Parameter<T>& w = context.hooks.resolve(weight);
  Parameter<T>& b = context.hooks.resolve(bias);
  const Var<T> y = linear<T>(context.tape, x, {.weight = &w, .bias = &b});
  if (!context.hooks.acts_on(site)) return y;
  const Var<T> changed = context.hooks.linear->apply(
      context.tape, {.site = site, .x = x, .y = y, .weight = &w, .bias = &b});
  if (!(changed == y)) context.tape.release(y);
  return changed;
}

template <Scalar T>
Var<T> Linear<T>::forward_onto(const ForwardContext<T>& context, Var<T> x, Var<T> residual,
                               const DropoutArgs& dropout) {
  Tape<T>& tape = context.tape;
  if (!context.hooks.acts_on(site) && dropout.p == 0.0) {
    return linear<T>(tape, x,
                     {.weight = &context.hooks.resolve(weight),
                      .bias = &context.hooks.resolve(bias),
                      .residual = residual});
  }
  const Var<T> y = detail::residual_dropout(tape, forward(context, x), dropout);
  return detail::add_residual(tape, y, residual);
}

template <Scalar T>
Var<T> Linear<T>::forward_through(const ForwardContext<T>& context, Var<T> x, Activation f) {
  Tape<T>& tape = context.tape;
  Var<T> y;
  Var<T> active;
  if (!context.hooks.acts_on(site) && f == Activation::gelu_new) {
    y = linear<T>(tape, x,
                  {.weight = &context.hooks.resolve(weight),
                   .bias = &context.hooks.resolve(bias),
                   .gelu_new = &active});
  } else {
    y = forward(context, x);
    active = activation(tape, y, f);
  }
  tape.release(y);
  return active;
}

template <Scalar T>
LayerNorm<T>::LayerNorm(const std::string& name, Index width, double epsilon)
    : weight(name + ".weight", {width}), bias(name + ".bias", {width}), eps(epsilon) {}

template <Scalar T>
Var<T> LayerNorm<T>::forward(const ForwardContext<T>& context, Var<T> x) {
  return norm<T>(
      context.tape, x,
      {.weight = &context.hooks.resolve(weight), .bias = &context.hooks.resolve(bias), .eps = eps});
}

template <Scalar T>
Block<T>::Block(const GPT2Config& config, int number)
    : layer(number),
      ln_1(concat("h.", number, ".ln_1"), config.n_embd, config.layer_norm_epsilon),
      c_attn({number, LinearKind::attn_c_attn}, config.n_embd, 3 * config.n_embd),
      attn_c_proj({number, LinearKind::attn_c_proj}, config.n_embd, config.n_embd),
      ln_2(concat("h.", number, ".ln_2"), config.n_embd, config.layer_norm_epsilon),
      c_fc({number, LinearKind::mlp_c_fc}, config.n_embd, config.inner()),
      mlp_c_proj({number, LinearKind::mlp_c_proj}, config.inner(), config.n_embd) {}

template <Scalar T>
Var<T> Block<T>::attend(const ForwardContext<T>& context, const GPT2Config& config, Var<T> x) {
  const Var<T> qkv = c_attn.forward(context, x);
  double scale =
      config.scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(config.head_dim())) : 1.0;
  // transformers divides by the layer number whether or not scale_attn_weights is set.
  if (config.scale_attn_by_inverse_layer_idx) scale /= layer + 1;
  Var<T> out;
  if (context.cached.empty()) {
    out = attention<T>(context.tape, qkv,
                       {.segments = context.segments,
                        .heads = config.n_head,
                        .scale = scale,
                        .dropout = context.model_dropout ? config.attn_pdrop : 0.0,
                        .site = detail::dropout_site(layer, detail::DropoutPlace::attention)});
  } else {
    out = context.tape.create(qkv.rows(), config.n_embd, false);
    ops::cached_attention<T>(context.tape.pool(),
                             {.qkv = qkv.value(),
                              .segments = context.segments,
                              .sequences = context.cached,
                              .layer = layer,
                              .capacity = context.capacity,
                              .heads = config.n_head,
                              .scale = scale},
                             out.value());
  }
  context.tape.release(qkv);
  return out;
}

template <Scalar T>
Var<T> Block<T>::forward(const ForwardContext<T>& context, const GPT2Config& config, Var<T> h) {
  Tape<T>& tape = context.tape;
  const double resid_pdrop = context.model_dropout ? config.resid_pdrop : 0.0;
  const auto onto = [&](Linear<T>& last, Var<T> x, Var<T> residual, detail::DropoutPlace place) {
    const Var<T> y = last.forward_onto(
        context, x, residual, {.p = resid_pdrop, .site = detail::dropout_site(layer, place)});
    tape.release(x);
    return y;
  };
  const Var<T> normed = ln_1.forward(context, h);
  Var<T> attended = attend(context, config, normed);
  tape.release(normed);
  Var<T> residual = h;
  const auto needed = static_cast<Index>(context.needed.size());
  const bool fewer = layer + 1 == config.n_layer && needed > 0 && needed < h.rows();
  if (fewer) {
    const Var<T> all = attended;
    attended = rows(tape, all, context.needed);
    tape.release(all);
    residual = rows(tape, h, context.needed);
  }
  const Var<T> middle = onto(attn_c_proj, attended, residual, detail::DropoutPlace::attn_c_proj);
  if (fewer) tape.release(residual);

  const Var<T> middle_normed = ln_2.forward(context, middle);
  const Var<T> active = c_fc.forward_through(context, middle_normed, config.activation_function);
  tape.release(middle_normed);
  const Var<T> out = onto(mlp_c_proj, active, middle, detail::DropoutPlace::mlp_c_proj);
  tape.release(middle);
  return out;
}

template <Scalar T>
std::array<Parameter<T>*, 12> Block<T>::parameters() {
  return {&ln_1.weight,        &ln_1.bias,        &c_attn.weight,     &c_attn.bias,
          &attn_c_proj.weight, &attn_c_proj.bias, &ln_2.weight,       &ln_2.bias,
          &c_fc.weight,        &c_fc.bias,        &mlp_c_proj.weight, &mlp_c_proj.bias};
}

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
  Index* const positions = context.tape.template scratch<Index>(static_cast<Index>(ids.size()));
  for (const Segment& s : context.segments) {
    std::iota(positions + s.begin, positions + s.begin + s.length, s.position);
  }
  const Var<T> h = embedding<T>(context.tape, {.ids = ids,
                                               .positions = {positions, ids.size()},
                                               .wte = &context.hooks.resolve(wte),
                                               .wpe = &context.hooks.resolve(wpe),
                                               .rows = &context.hooks.token_rows});
  // Block numbers give every other place its number; the embedding's follows the last block's.
  const auto site =
      detail::dropout_site(static_cast<int>(blocks.size()), detail::DropoutPlace::embedding);
  return detail::residual_dropout(
      context.tape, h, {.p = context.model_dropout ? config.embd_pdrop : 0.0, .site = site});
}

template <Scalar T>
Var<T> Network<T>::link_delta(const ForwardContext<T>& context, Link link, Var<T> from) {
  if (!context.tape.pass().gradient_checkpointing) {
    return context.hooks.block->delta(context.tape, link, from);
  }
  BlockAdapter<T>* const adapter = context.hooks.block;
  return context.tape.checkpoint(from, [adapter, link, from](Tape<T>& tape) {
    const Var<T> delta = adapter->delta(tape, link, from);
    return delta == from ? scale(tape, from, 1.0) : delta;  // a checkpoint's result is new
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
  for (const int source : hooks.sources[at(i)]) {
    const Var<T> whole = source == i ? raw : outputs[at(source)];
    const bool taken = whole.rows() != raw.rows();  // raw has the needed rows only
    const Var<T> from = taken ? rows(tape, whole, context.needed) : whole;
    const Var<T> delta = link_delta(context, {source, i}, from);
    if (context.observer != nullptr) (*context.observer)({source, i}, raw.value(), delta.value());
    const Var<T> corrected = add(tape, h, delta);
    if (!(delta == from)) tape.release(delta);
    if (taken) tape.release(from);
    if (!(h == raw)) tape.release(h);
    h = corrected;
    if (source != i && hooks.last_reader[at(source)] == i) tape.release(whole);
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
  Var<T> h = outputs[at(first)];
  if (first == last && !context.needed.empty()) h = rows(tape, h, context.needed);
  h = add_links(context, first, h, outputs);
  for (int i = first + 1; i <= last; ++i) {
    const Var<T> input = h;
    Block<T>* const block = blocks[at(i - 1)].get();
    const Var<T> raw = tape.checkpoint(input, [context, &config, block, input](Tape<T>&) {
      return block->forward(context, config, input);
    });
    if (!(input == outputs[at(i - 1)]) || last_reader(i - 1) < i) tape.release(input);
    h = add_links(context, i, raw, outputs);
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
  if (!frozen(&wte) || !frozen(&wpe) || !hooks.token_rows.empty()) return 0;
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
template struct Linear<float>;
template struct Linear<double>;
template struct LayerNorm<float>;
template struct LayerNorm<double>;
template struct Block<float>;
template struct Block<double>;
template struct Network<float>;
template struct Network<double>;
#endif

}  // namespace solo::inline SOLO_ABI
