// SPDX-License-Identifier: MIT
/// @file
/// Parameter groups: which tensors decay, and how fast which of them learn.
#pragma once

#include <solo/autograd/parameter.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Throws ConfigError ("config.range") naming `what` and `which`.
inline void require_not_negative(std::string_view what, std::string_view which, double value) {
  if (is_finite(value) && value >= 0.0) return;
  fail<ConfigError>("config.range", what, which, ": expected a finite number of at least 0, found ",
                    value);
}

}  // namespace detail

/// Parameters that an optimizer treats alike.
template <Scalar T>
struct ParamGroup {
  std::vector<Parameter<T>*> parameters = {};
  std::optional<double> weight_decay = {};  ///< the optimizer's when not given
  double lr_multiplier = 1.0;               ///< of the optimizer's learning rate
};

/// How make_param_groups groups.
struct ParamGroupOptions {
  double weight_decay = 0.0;  ///< of the tensors that decay
  bool decay_all = false;     ///< whether LayerNorms and biases decay too
  /// Learning-rate multipliers by tensor_kind(), such as {"gate", 5.0}.
  std::map<std::string, double> lr_multipliers = {};
};

/// What a tensor is in its module: the last component of its name, or the one before when that is
/// "weight" or "bias". "h.0.attn.c_attn.lora_A.weight" → "lora_A", "solo.links.2-4.gate" → "gate".
[[nodiscard]] std::string_view tensor_kind(std::string_view name) noexcept;

/// Whether weight decay acts on a tensor in the Hugging Face Trainer: on all but LayerNorms and
/// names that contain "bias".
[[nodiscard]] bool has_weight_decay(std::string_view name);

/// Groups of equal weight decay and learning-rate multiplier, in the order of their first
/// parameters. Throws ConfigError: "config.range" for a decay or multiplier that is negative or not
/// finite, "optim.multiplier" for one whose kind no parameter has.
template <Scalar T>
[[nodiscard]] std::vector<ParamGroup<T>> make_param_groups(
    const std::vector<Parameter<T>*>& parameters, const ParamGroupOptions& options = {});

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/optim/param_groups.ipp>  // IWYU pragma: keep
#endif
