// SPDX-License-Identifier: MIT
/// @file
/// Configuration of SoloConnection adapters (arXiv 2507.14353).
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/adapters/solo/enums.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

class JsonFields;

/// Which block outputs are linked: a pattern, or a list such as {{0, 4}, {2, 6}}.
class SoloLinks {
 public:
  /// stride: t − s → t for t = first, first + s, …; last: j → L; mirror: L − t → t for
  /// L/2 < t < L; self: t → t.
  enum Pattern { stride, last, mirror, self, list };

  SoloLinks(Pattern pattern) : pattern_(pattern) {}  // NOLINT(google-explicit-constructor)
  SoloLinks(std::initializer_list<Link> links) : SoloLinks(std::vector<Link>(links)) {}
  explicit SoloLinks(std::vector<Link> links) : pattern_(list), links_(std::move(links)) {}

  [[nodiscard]] Pattern pattern() const noexcept { return pattern_; }
  /// Of a list: the links in the order given.
  [[nodiscard]] const std::vector<Link>& links() const noexcept { return links_; }
  bool operator==(const SoloLinks&) const = default;

 private:
  Pattern pattern_;
  std::vector<Link> links_;
};

/// The names of SoloLinks::Pattern in files, a list excepted.
inline constexpr std::array<std::string_view, 4> kSoloLinkNames = {"stride", "last", "mirror",
                                                                   "self"};
/// The pattern of this name. Throws ConfigError ("config.value"): `field`, the choices, the name.
[[nodiscard]] SoloLinks parse_solo_links(std::string_view field, std::string_view name);

/// A continuation parameter τ that multiplies every gate in training.
struct SoloGateSchedule {
  SoloScheduleKind kind = SoloScheduleKind::none;
  Index steps = 1;  ///< T
  bool operator==(const SoloGateSchedule&) const = default;
};

/// τ at optimizer step k = 1, 2, …: min(1, k/T), ½(1 − cos(π · min(1, k/T))), or 1.
[[nodiscard]] double homotopy(const SoloGateSchedule& schedule, std::int64_t step);

/// SoloConnection: links between block outputs, h_t ← h_t + Σ Δ_jt with
/// Δ_jt = scale · gate(g) · v ⊙ up(φ(e ⊙ down(dropout(norm(h_j))))); with `taps` w > 1 a low-rank
/// link sees the w − 1 tokens before too: Σ_i e_i ⊙ down(…h_{j, p−i}…), i = 0 … w − 1, for
/// e ⊙ down(…) at position p, e_0 = e and e_1 … zero at the start.
/// The fields of adapter_config.json. The defaults are those that did best in docs/experiments.md,
/// the published form but for its start; paper() is the published form whole.
struct SoloConfig {
  Index r = 64;  ///< rank; may exceed n_embd
  SoloLinks links = SoloLinks::stride;
  Index stride = 2;
  std::optional<Index> first = {};  ///< first destination of `stride`; empty: 2 · stride
  SoloShare share = SoloShare::all;
  SoloMap map = SoloMap::low_rank;
  SoloFactors factors = SoloFactors::trained;
  Index taps = 1;  ///< w, of map low_rank
  bool use_e = true;
  bool use_v = true;
  bool bias = true;
  SoloGate gate = SoloGate::linear;
  SoloGateScope gate_scope = SoloGateScope::link;
  double gate_init = 1.0;  ///< the stored number g
  SoloInit init = SoloInit::identity;
  SoloNorm norm = SoloNorm::none;
  Activation activation = Activation::identity;  ///< identity or gelu_new
  SoloSource source = SoloSource::corrected;
  double scale = 1.0;
  double dropout = 0.0;
  SoloGateSchedule gate_schedule = {};
  std::uint64_t seed = 42;  ///< of the initial values; not in the file

  static constexpr std::string_view kFilePrefix = "base_model.model.transformer.solo.";

  /// As published: `init` paper and `gate_init` 0.1, all else as above. Fields that are absent from
  /// a file have its values, and presets begin with it.
  [[nodiscard]] static SoloConfig paper();
  /// "solo-59", "solo-40", "solo-table1", "solo-vera", "solo-lor2c", "solo-direft" or
  /// "solo-diagonal"; ConfigError ("config.value") for another name.
  [[nodiscard]] static SoloConfig preset(std::string_view name);
  [[nodiscard]] static std::span<const std::string_view> preset_names();

  /// The links on this many blocks, in increasing dst, then src. Throws ConfigError ("solo.links")
  /// for links out of range, duplicates, and when there is none.
  [[nodiscard]] std::vector<Link> link_list(Index n_layer) const;
  /// Whether links look at tokens before their own.
  [[nodiscard]] bool has_taps() const noexcept { return map == SoloMap::low_rank && taps > 1; }
  /// t*: the lowest destination. Blocks up to it are the frozen prefix.
  [[nodiscard]] int lowest_destination(Index n_layer) const;
  /// Throws ConfigError naming the field: a value out of its range ("config.range"), a start that
  /// is not the base model ("solo.identity") or from which nothing can train ("solo.dead"), and as
  /// link_list. A field that the map does not use is not looked at.
  void validate(const GPT2Config& base) const;
  /// The tensors of the file: gate, links, maps.
  [[nodiscard]] std::vector<AdapterTensor> tensors(const GPT2Config& base) const;

  /// Reads an adapter_config.json strictly. Throws FormatError or ConfigError ("config.value").
  [[nodiscard]] static SoloConfig from_json(const JsonFields& fields);
  /// The text of an adapter_config.json, every field of it (`taps` where there are more than one).
  [[nodiscard]] std::string to_json(std::string_view base_model) const;

  bool operator==(const SoloConfig&) const = default;
};

/// Elements that train, without allocating them. Throws as validate().
[[nodiscard]] Index parameter_count(const SoloConfig& config, const GPT2Config& base);

/// Calls f(name, field) for every field of adapter_config.json, sorted by name.
template <class Config, class F>
void visit_fields(Config& config,
                  F&& f) requires(std::is_same_v<std::remove_const_t<Config>, SoloConfig>) {
  f("activation", config.activation);
  f("bias", config.bias);
  f("dropout", config.dropout);
  f("factors", config.factors);
  f("first", config.first);
  f("gate", config.gate);
  f("gate_init", config.gate_init);
  f("gate_schedule", config.gate_schedule);
  f("gate_scope", config.gate_scope);
  f("init", config.init);
  f("links", config.links);
  f("map", config.map);
  f("norm", config.norm);
  f("r", config.r);
  f("scale", config.scale);
  f("share", config.share);
  f("source", config.source);
  f("stride", config.stride);
  f("taps", config.taps);
  f("use_e", config.use_e);
  f("use_v", config.use_v);
}

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/solo/config.ipp>       // IWYU pragma: keep
#include <solo/adapters/solo/config_json.ipp>  // IWYU pragma: keep
#endif
