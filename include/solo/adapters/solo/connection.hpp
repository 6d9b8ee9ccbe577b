// SPDX-License-Identifier: MIT
/// @file
/// SoloConnection on a model (arXiv 2507.14353): long skips between block outputs, through a
/// low-rank map that all links share.
#pragma once

#include <solo/adapters/solo/config.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/hooks.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Δ_jt = scale · gate(g_jt) · v_jt ⊙ up(φ(e_jt ⊙ down(dropout(norm(h_j))))), and its other maps;
/// with taps Σ_i e_i ⊙ down(h_{j, p−i}) at position p.
template <Scalar T>
class SoloConnection final : public BlockAdapter<T> {
 public:
  /// Initial values by config.seed. Throws as SoloConfig::validate.
  SoloConnection(const SoloConfig& config, const GPT2Config& base);

  [[nodiscard]] const SoloConfig& config() const noexcept { return config_; }
  /// The value of a link's gate, scale and schedule left out; none with SoloGate::none. Throws
  /// ConfigError "solo.links".
  [[nodiscard]] std::optional<double> gate(Link link) const;

  [[nodiscard]] std::vector<Link> links() const override;
  [[nodiscard]] std::vector<Parameter<T>*> parameters() override;
  /// With taps h is one whole sequence.
  [[nodiscard]] Var<T> delta(Tape<T>& tape, Link link, Var<T> h) override;
  [[nodiscard]] Index history(Link /*link*/) const override {
    return config_.has_taps() ? (config_.taps - 1) * config_.r : 0;
  }
  [[nodiscard]] Var<T> delta_of(Tape<T>& tape, const LinkCall<T>& call) override;
  [[nodiscard]] bool raw_source() const override { return config_.source == SoloSource::raw; }
  [[nodiscard]] double homotopy(std::int64_t step) const override {
    return solo::homotopy(config_.gate_schedule, step);
  }
  [[nodiscard]] std::string peft_type() const override { return "SOLO"; }
  [[nodiscard]] std::string file_prefix() const override {
    return std::string(SoloConfig::kFilePrefix);
  }
  [[nodiscard]] std::string config_json(std::string_view base_model) const override {
    return config_.to_json(base_model);
  }

 private:
  struct Map {  // down and up, null where the kind of map has none
    Parameter<T>* down_weight = nullptr;
    Parameter<T>* down_bias = nullptr;
    Parameter<T>* up_weight = nullptr;
    Parameter<T>* up_bias = nullptr;
  };
  struct LinkTensors {
    Link link;
    Parameter<T>* e = nullptr;
    Parameter<T>* taps = nullptr;
    Parameter<T>* v = nullptr;
    Parameter<T>* gate = nullptr;
    Map map;
  };

  void fill(Parameter<T>& parameter, std::uint64_t number, const GPT2Config& base) const;
  [[nodiscard]] const LinkTensors& tensors_of(Link link) const;
  /// down(dropout(norm(x))), as far as the map has them.
  [[nodiscard]] Var<T> enter_map(Tape<T>& tape, const LinkTensors& link, Var<T> x) const;
  /// scale · gate(g) · v ⊙ up(φ(x)), as far as the map has them. Gives x back unless it is `h`.
  [[nodiscard]] Var<T> leave_map(Tape<T>& tape, const LinkTensors& link, Var<T> x, Var<T> h) const;

  SoloConfig config_;
  std::vector<std::unique_ptr<Parameter<T>>> parameters_;
  std::vector<LinkTensors> links_;
};

/// For GPT2::add_adapter.
template <Scalar T>
[[nodiscard]] std::unique_ptr<Adapter<T>> make_adapter(const SoloConfig& config,
                                                       const GPT2<T>& model);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/solo/connection.ipp>  // IWYU pragma: keep
#endif
