// SPDX-License-Identifier: MIT
#pragma once

#include <solo/nn/block.hpp>
#include <solo/nn/dropout_places.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI {

namespace detail {

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

#if !SOLO_HEADER_ONLY
template struct Linear<float>;
template struct Linear<double>;
template struct LayerNorm<float>;
template struct LayerNorm<double>;
template struct Block<float>;
template struct Block<double>;
#endif

}  // namespace solo::inline SOLO_ABI
