// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/solo/causal_taps.hpp>
#include <solo/adapters/solo/connection.hpp>
#include <solo/adapters/solo/link_scale.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/core/rng.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
SoloConnection<T>::SoloConnection(const SoloConfig& config, const GPT2Config& base)
    : config_(config) {
  config_.validate(base);
  std::map<std::string, Parameter<T>*> by_name;
  for (AdapterTensor& tensor : config_.tensors(base)) {
    auto parameter =
        std::make_unique<Parameter<T>>(std::move(tensor.name), std::move(tensor.shape));
    parameter->set_requires_grad(tensor.trainable);
    fill(*parameter, parameters_.size(), base);
    by_name[parameter->name()] = parameter.get();
    parameters_.push_back(std::move(parameter));
  }
  const auto find = [&by_name](const std::string& name) {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : it->second;
  };
  for (const Link& link : config_.link_list(base.n_layer)) {
    const std::string key = concat(link.src, "-", link.dst);
    const std::string name = "links." + key;
    const std::string map = "maps." + (config_.share == SoloShare::all ? "0" : key);
    Parameter<T>* const own_gate = find(name + ".gate");
    links_.push_back({.link = link,
                      .e = find(name + ".e"),
                      .taps = find(name + ".taps"),
                      .v = find(name + ".v"),
                      .gate = own_gate != nullptr ? own_gate : find("gate"),
                      .map = {.down_weight = find(map + ".down.weight"),
                              .down_bias = find(map + ".down.bias"),
                              .up_weight = find(map + ".up.weight"),
                              .up_bias = find(map + ".up.bias")}});
  }
}

template <Scalar T>
void SoloConnection<T>::fill(Parameter<T>& parameter, std::uint64_t number,
                             const GPT2Config& base) const {
  const std::string& name = parameter.name();
  Tensor<T>& value = parameter.value();
  const bool identity = config_.init == SoloInit::identity;
  if (name.ends_with("gate")) {
    value.fill(static_cast<T>(config_.gate_init));
  } else if (name.ends_with(".e")) {
    value.fill(T{1});
  } else if (name.ends_with(".v")) {
    const bool zero = !identity || config_.map == SoloMap::diagonal;
    value.fill(zero ? T{0} : T{1});
  } else if (!name.ends_with(".taps") && (!identity || name.ends_with(".down.weight"))) {
    const bool from_rank = config_.map == SoloMap::low_rank && name.find(".up.") != name.npos;
    const double bound = 1.0 / std::sqrt(static_cast<double>(from_rank ? config_.r : base.n_embd));
    // The base's random weights have the streams from 0, dropout those from 2^63.
    const Philox random(config_.seed, (std::uint64_t{1} << 62U) | number);
    for (Index i = 0; i < value.size(); ++i) {
      const auto u = static_cast<double>(random.uniform(static_cast<std::uint64_t>(i)));
      value.data()[i] = static_cast<T>(bound * (2.0 * u - 1.0));
    }
  }
}

template <Scalar T>
std::vector<Link> SoloConnection<T>::links() const {
  std::vector<Link> result;
  for (const LinkTensors& l : links_) result.push_back(l.link);
  return result;
}

template <Scalar T>
std::vector<Parameter<T>*> SoloConnection<T>::parameters() {
  std::vector<Parameter<T>*> result;
  for (const auto& p : parameters_) result.push_back(p.get());
  return result;
}

template <Scalar T>
Var<T> SoloConnection<T>::enter_map(Tape<T>& tape, const LinkTensors& link, Var<T> x) const {
  const Var<T> h = x;
  const auto advance = [&](Var<T> next) {
    if (!(x == h) && !(next == x)) tape.release(x);
    x = next;
  };
  if (config_.norm != SoloNorm::none) {
    advance(norm<T>(tape, x, {.eps = 1e-5, .centered = config_.norm == SoloNorm::layer_norm}));
  }
  const auto number = static_cast<std::uint32_t>(&link - links_.data());
  advance(dropout(tape, x, {.p = config_.dropout, .site = kAdapterSites + number}));
  const Map& map = link.map;
  if (map.down_weight != nullptr) {
    advance(linear<T>(
        tape, x,
        {.weight = map.down_weight, .bias = map.down_bias, .layout = WeightLayout::out_in}));
  }
  return x;
}

template <Scalar T>
Var<T> SoloConnection<T>::leave_map(Tape<T>& tape, const LinkTensors& link, Var<T> x,
                                    Var<T> h) const {
  const auto advance = [&](Var<T> next) {
    if (!(x == h)) tape.release(x);
    x = next;
  };
  const Map& map = link.map;
  if (map.up_weight != nullptr) {
    if (config_.activation != Activation::identity) {
      advance(activation(tape, x, config_.activation));
    }
    advance(linear<T>(
        tape, x, {.weight = map.up_weight, .bias = map.up_bias, .layout = WeightLayout::out_in}));
  }
  advance(link_scale<T>(tape, x,
                        {.v = link.v,
                         .gate = link.gate,
                         .kind = config_.gate,
                         .factor = config_.scale * tape.pass().homotopy}));
  return x;
}

template <Scalar T>
const typename SoloConnection<T>::LinkTensors& SoloConnection<T>::tensors_of(Link link) const {
  const auto it = std::find_if(links_.begin(), links_.end(),
                               [&link](const LinkTensors& l) { return l.link == link; });
  if (it == links_.end()) {
    fail<ConfigError>("solo.links", "the adapter has no link ", link.src, " to ", link.dst);
  }
  return *it;
}

template <Scalar T>
std::optional<double> SoloConnection<T>::gate(Link link) const {
  const LinkTensors& tensors = tensors_of(link);
  if (tensors.gate == nullptr) return {};
  return gate_value(config_.gate, static_cast<double>(*tensors.gate->value().data())).value;
}

template <Scalar T>
Var<T> SoloConnection<T>::delta(Tape<T>& tape, Link link, Var<T> h) {
  const LinkTensors& tensors = tensors_of(link);
  if (tensors.taps != nullptr) {
    const Segment whole{.length = h.rows()};
    return delta_of(tape, {.link = link, .h = h, .segments = {&whole, 1}});
  }
  Var<T> x = enter_map(tape, tensors, h);
  if (tensors.e != nullptr) {
    const Var<T> z = mul(tape, x, *tensors.e);
    tape.release(x);
    x = z;
  }
  return leave_map(tape, tensors, x, h);
}

template <Scalar T>
Var<T> SoloConnection<T>::delta_of(Tape<T>& tape, const LinkCall<T>& call) {
  const LinkTensors& tensors = tensors_of(call.link);
  if (tensors.taps == nullptr) return BlockAdapter<T>::delta_of(tape, call);
  const Var<T> x = enter_map(tape, tensors, call.h);
  Var<T> z = causal_taps<T>(tape, x,
                            {.first = tensors.e,
                             .later = tensors.taps,
                             .segments = call.segments,
                             .histories = call.histories});
  tape.release(x);
  if (!call.needed.empty()) {
    const Var<T> all = z;
    z = rows(tape, all, call.needed);
    tape.release(all);
  }
  return leave_map(tape, tensors, z, call.h);
}

template <Scalar T>
std::unique_ptr<Adapter<T>> make_adapter(const SoloConfig& config, const GPT2<T>& model) {
  return std::make_unique<SoloConnection<T>>(config, model.config());
}

#if !SOLO_HEADER_ONLY
template class SoloConnection<float>;
template class SoloConnection<double>;
template std::unique_ptr<Adapter<float>> make_adapter<float>(const SoloConfig&, const GPT2<float>&);
template std::unique_ptr<Adapter<double>> make_adapter<double>(const SoloConfig&,
                                                               const GPT2<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
