// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/solo/config.hpp>
#include <solo/adapters/solo/gate.hpp>
#include <solo/core/error.hpp>
#include <solo/core/known_value.hpp>
#include <solo/io/finite.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace solo::inline SOLO_ABI {

namespace detail {

/// No field counts further than this; products of two stay far from overflow.
inline constexpr Index kSoloMax = Index{1} << 24;
/// Far more tokens than a short convolution is of.
inline constexpr Index kMostTaps = 64;

/// x rounded to float, in which adapters are stored.
[[nodiscard]] inline double as_float(double x) noexcept {
  return static_cast<double>(convert_value<float>(x));
}

inline void require_range(std::string_view field, double value, bool good,
                          std::string_view expected) {
  if (!good) fail<ConfigError>("config.range", field, ": expected ", expected, ", found ", value);
}

inline void check_links(std::vector<Link> links, Index n_layer) {
  for (const Link& link : links) {
    if (link.src < 0 || link.dst < 1 || link.src > link.dst || link.dst > n_layer) {
      fail<ConfigError>("solo.links", "links: ", link.src, " to ", link.dst,
                        ": expected 0 <= source <= destination, 1 <= destination <= n_layer ",
                        n_layer);
    }
  }
  for (std::size_t i = 1; i < links.size(); ++i) {
    if (links[i - 1] == links[i]) {
      fail<ConfigError>("solo.links", "links: ", links[i].src, " to ", links[i].dst,
                        " is there twice");
    }
  }
  if (links.empty()) {
    fail<ConfigError>("solo.links", "links: no link on a model of n_layer ", n_layer);
  }
}

/// Which factors of Δ = gate · v ⊙ z are zero at the start, and which tensors then have a gradient.
inline void check_start(const SoloConfig& c) {
  const GateValue gate = gate_value(c.gate, as_float(c.gate_init));
  const bool has_up = c.map == SoloMap::low_rank || c.map == SoloMap::full;
  const bool has_v = c.use_v && c.map != SoloMap::scalar;
  const bool v_is_zero = has_v && (c.init == SoloInit::paper || c.map == SoloMap::diagonal);
  const bool z_is_zero = has_up && c.init == SoloInit::identity;
  const bool gate_is_zero = as_float(c.scale * gate.value) == 0.0;
  if (!gate_is_zero && !v_is_zero && !z_is_zero) {
    fail<ConfigError>("solo.identity", has_up ? "init" : "gate_init", ": ", to_string(c.map),
                      " with use_v ", c.use_v, ", init ", to_string(c.init), ", gate ",
                      to_string(c.gate), " and gate_init ", c.gate_init,
                      " does not start at the base model");
  }
  const bool gate_moves = as_float(gate.slope) != 0.0 && !v_is_zero && !z_is_zero;
  const bool v_moves = has_v && !gate_is_zero && !z_is_zero;
  const bool up_trains = has_up && c.factors != SoloFactors::frozen;
  const bool up_moves = up_trains && !gate_is_zero && !v_is_zero;
  if (!gate_moves && !v_moves && !up_moves) {
    fail<ConfigError>("solo.dead", gate_is_zero ? "gate_init" : "init", ": ", to_string(c.map),
                      " with use_v ", c.use_v, ", factors ", to_string(c.factors), ", init ",
                      to_string(c.init), ", gate ", to_string(c.gate), " and gate_init ",
                      c.gate_init, " has no gradient at the start: nothing would ever train");
  }
}

}  // namespace detail

SOLO_INLINE double homotopy(const SoloGateSchedule& schedule, std::int64_t step) {
  if (schedule.kind == SoloScheduleKind::none) return 1.0;
  const double x = std::min(
      1.0, static_cast<double>(step) / static_cast<double>(std::max<Index>(schedule.steps, 1)));
  return schedule.kind == SoloScheduleKind::linear ? x
                                                   : 0.5 * (1.0 - std::cos(std::numbers::pi * x));
}

SOLO_INLINE std::span<const std::string_view> SoloConfig::preset_names() {
  static constexpr std::array<std::string_view, 7> kNames = {
      "solo-59",    "solo-40",     "solo-table1",  "solo-vera",
      "solo-lor2c", "solo-direft", "solo-diagonal"};
  return kNames;
}

SOLO_INLINE SoloConfig SoloConfig::paper() {
  return {.gate_init = 0.1, .init = SoloInit::paper};
}

SOLO_INLINE SoloConfig SoloConfig::preset(std::string_view name) {
  SoloConfig config = paper();
  if (name == "solo-59") {
    config.r = 64;
  } else if (name == "solo-40") {
    config.r = 96;
  } else if (name == "solo-table1") {
    config.r = 120;
  } else if (name == "solo-vera") {
    config.factors = SoloFactors::frozen;
  } else if (name == "solo-lor2c") {
    config.stride = 1;
    config.share = SoloShare::none;
    config.gate = SoloGate::none;
  } else if (name == "solo-direft") {
    config.links = SoloLinks::self;
    config.share = SoloShare::none;
    config.gate = SoloGate::none;
  } else if (name == "solo-diagonal") {
    config.map = SoloMap::diagonal;
  } else {
    refuse_choice("preset", preset_names(), name);
  }
  return config;
}

SOLO_INLINE std::vector<Link> SoloConfig::link_list(Index n_layer) const {
  std::vector<Link> result;
  const auto push = [&result](Index src, Index dst) {
    result.push_back({static_cast<int>(src), static_cast<int>(dst)});
  };
  switch (links.pattern()) {
    case SoloLinks::stride: {
      const bool good_stride = stride >= 1 && stride <= detail::kSoloMax;
      detail::require_range("stride", static_cast<double>(stride), good_stride, "at least 1");
      const Index from = first.value_or(2 * stride);
      const bool good_first = from >= stride && from <= 2 * detail::kSoloMax;
      detail::require_range("first", static_cast<double>(from), good_first, "at least the stride");
      for (Index t = from; t <= n_layer; t += stride) push(t - stride, t);
      break;
    }
    case SoloLinks::last:
      for (Index j = 1; j < n_layer; ++j) push(j, n_layer);
      break;
    case SoloLinks::mirror:
      for (Index t = n_layer / 2 + 1; t < n_layer; ++t) push(n_layer - t, t);
      break;
    case SoloLinks::self:
      for (Index t = 1; t <= n_layer; ++t) push(t, t);
      break;
    case SoloLinks::list:
      result = links.links();
      break;
  }
  std::sort(result.begin(), result.end(), [](const Link& a, const Link& b) {
    return a.dst != b.dst ? a.dst < b.dst : a.src < b.src;
  });
  detail::check_links(result, n_layer);
  return result;
}

SOLO_INLINE int SoloConfig::lowest_destination(Index n_layer) const {
  return link_list(n_layer).front().dst;
}

namespace detail {

SOLO_INLINE void check_enums(const SoloConfig& config) {
  const auto check = []<NamedEnum E>(std::string_view field, E value) {
    require_known(field, value, static_cast<E>(kEnumNames<E>.size() - 1));
  };
  check("share", config.share);
  check("map", config.map);
  check("factors", config.factors);
  check("gate", config.gate);
  check("gate_scope", config.gate_scope);
  check("init", config.init);
  check("norm", config.norm);
  check("source", config.source);
  check("gate_schedule.kind", config.gate_schedule.kind);
}

}  // namespace detail

SOLO_INLINE void SoloConfig::validate(const GPT2Config& base) const {
  detail::check_enums(*this);
  if (map == SoloMap::low_rank) {
    detail::require_range("r", static_cast<double>(r), r >= 1 && r <= detail::kSoloMax,
                          "1 to 16777216");
    detail::require_range("taps", static_cast<double>(taps), taps >= 1 && taps <= detail::kMostTaps,
                          "1 to 64");
  }
  detail::require_range("gate_init", gate_init, is_finite(detail::as_float(gate_init)),
                        "a finite 32-bit number");
  detail::require_range("scale", scale,
                        is_finite(detail::as_float(scale)) && detail::as_float(scale) != 0.0,
                        "a finite 32-bit number other than 0");
  detail::require_range("dropout", dropout, dropout >= 0.0 && dropout < 1.0, "0 <= dropout < 1");
  if (gate_schedule.kind != SoloScheduleKind::none) {
    const Index steps = gate_schedule.steps;
    detail::require_range("gate_schedule.steps", static_cast<double>(steps), steps >= 1,
                          "at least 1");
  }
  if (activation != Activation::identity && activation != Activation::gelu_new) {
    refuse_choice("activation", kEnumNames<Activation>, to_string(activation));
  }
  (void)link_list(base.n_layer);
  if (map == SoloMap::scalar && ((gate != SoloGate::linear && gate != SoloGate::tanh) ||
                                 detail::as_float(gate_init) != 0.0)) {
    fail<ConfigError>("solo.identity", "map: scalar starts at the base model only with gate_init 0",
                      " and gate linear or tanh, found gate_init ", gate_init, " and gate ",
                      to_string(gate));
  }
  detail::check_start(*this);
}

SOLO_INLINE std::vector<AdapterTensor> SoloConfig::tensors(const GPT2Config& base) const {
  const Index d = base.n_embd;
  std::vector<AdapterTensor> result;
  if (gate != SoloGate::none && gate_scope == SoloGateScope::global)
    result.push_back({"gate", {1}});
  std::vector<std::string> keys;
  for (const Link& link : link_list(base.n_layer)) {
    const std::string key = concat(link.src, "-", link.dst);
    const std::string name = "links." + key;
    if (use_e && map == SoloMap::low_rank) result.push_back({name + ".e", {r}});
    if (has_taps()) result.push_back({name + ".taps", {taps - 1, r}});
    if (use_v && map != SoloMap::scalar) result.push_back({name + ".v", {d}});
    if (gate != SoloGate::none && gate_scope == SoloGateScope::link) {
      result.push_back({name + ".gate", {1}});
    }
    keys.push_back(key);
  }
  if (map != SoloMap::low_rank && map != SoloMap::full) return result;
  if (share == SoloShare::all) keys = {"0"};
  const bool trains = factors != SoloFactors::frozen;
  for (const std::string& key : keys) {
    const std::string name = "maps." + key;
    if (map == SoloMap::low_rank) {
      const bool down_trains = factors == SoloFactors::trained;
      result.push_back({name + ".down.weight", {r, d}, down_trains});
      if (bias) result.push_back({name + ".down.bias", {r}, down_trains});
    }
    result.push_back({name + ".up.weight", {d, map == SoloMap::full ? d : r}, trains});
    if (bias) result.push_back({name + ".up.bias", {d}, trains});
  }
  return result;
}

SOLO_INLINE Index parameter_count(const SoloConfig& config, const GPT2Config& base) {
  config.validate(base);
  return count_trainable(config.tensors(base));
}

}  // namespace solo::inline SOLO_ABI
