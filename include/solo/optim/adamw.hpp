// SPDX-License-Identifier: MIT
/// @file
/// AdamW (Loshchilov & Hutter 2019) as torch.optim.AdamW computes it, or LoRA's own code.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/core/parallel.hpp>
#include <solo/kernels/adamw.hpp>
#include <solo/optim/param_groups.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// "adamw" or "adamw_lora_nlg".
[[nodiscard]] constexpr std::string_view to_string(AdamWVariant variant) noexcept {
  return variant == AdamWVariant::torch ? "adamw" : "adamw_lora_nlg";
}

/// The variant of this name. Throws ConfigError ("config.value") for another name.
[[nodiscard]] inline AdamWVariant adamw_variant_from_name(std::string_view name) {
  for (const AdamWVariant variant : {AdamWVariant::torch, AdamWVariant::lora_nlg}) {
    if (to_string(variant) == name) return variant;
  }
  fail<ConfigError>("config.value", "optimizer: expected adamw or adamw_lora_nlg, found ",
                    quoted(name));
}

/// Hyper-parameters of AdamW.
struct AdamWOptions {
  AdamWVariant variant = AdamWVariant::torch;
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;              ///< of groups that give none of their own
  std::shared_ptr<ThreadPool> pool = {};  ///< null: the calling thread alone
};

/// Options of AdamW::step.
struct AdamWStepOptions {
  double gradient_scale = 1.0;  ///< above 0; gradients times it are what counts (a clip factor)
  /// False when gradient_norm() has just accepted the gradients, and the caller looks at the
  /// updated parameters.
  bool check_finite = true;
};

/// What AdamW keeps of one parameter: everything that a checkpoint must hold, to the bit.
template <Scalar T>
struct AdamWState {
  const std::string& name;
  Tensor<T>& m;
  Tensor<T>& v;
  std::int64_t& step;  ///< updates made so far
};

/// Updates parameters from their gradients as AdamWUpdate says, the moments in T, one fused pass a
/// tensor. Parameters that are frozen or have no gradient
/// (drop_grad) are left alone, as torch does with `grad is None`. Parameters that have been deleted
/// since are an error of every call that needs them.
template <Scalar T>
class AdamW {
 public:
  /// Throws ConfigError: "config.range" for a hyper-parameter out of its range, "optim.parameters"
  /// for a null or repeated parameter, "parameter.bfloat16" for one that cannot train.
  explicit AdamW(const std::vector<Parameter<T>*>& parameters, const AdamWOptions& options = {});
  explicit AdamW(const std::vector<ParamGroup<T>>& groups, const AdamWOptions& options = {});

  /// One update. Throws before anything is changed: NumericError "numeric.gradient" when a gradient
  /// is not finite or its square is beyond T, "numeric.parameter" when a learning rate or weight
  /// decay above 1 (or no epsilon) would make a parameter infinite or NaN; ConfigError
  /// "config.range" for a scale or a number of updates out of range, "optim.parameters" for a
  /// parameter that is no longer there; ShapeError for a gradient or moment of another shape.
  void step(const AdamWStepOptions& options = {});
  /// Sets the gradients that are still there to zero; their memory stays.
  void zero_grad() noexcept;

  [[nodiscard]] double learning_rate() const noexcept { return options_.learning_rate; }
  /// Each group's rate is this times its lr_multiplier. Throws ConfigError ("config.range").
  void set_learning_rate(double rate);

  /// All parameters, group by group.
  [[nodiscard]] const std::vector<Parameter<T>*>& parameters() const noexcept {
    return parameters_;
  }
  /// Calls f(AdamWState<T>) for each parameter, in that order. Throws ConfigError
  /// ("optim.parameters") at one that is no longer there.
  template <class F>
  void visit(F&& f) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      require_alive(i);
      f(AdamWState<T>{parameters_[i]->name(), slots_[i].m, slots_[i].v, slots_[i].step});
    }
  }

 private:
  struct Slot {
    Tensor<T> m;
    Tensor<T> v;
    std::int64_t step = 0;
    double weight_decay = 0.0;
    double lr_multiplier = 1.0;
    std::weak_ptr<const void> parameter = {};  // expires with it
  };

  void add(Parameter<T>* parameter, double weight_decay, double lr_multiplier);
  void require_alive(std::size_t i) const;
  /// The update number slots_[i].step + 1; none for a parameter that is left alone.
  [[nodiscard]] std::optional<AdamWUpdate<T>> update(std::size_t i, double gradient_scale);
  void check(const AdamWStepOptions& options);
  void require_finite_update(std::size_t i, const AdamWUpdate<T>& update) const;

  AdamWOptions options_;
  std::vector<Parameter<T>*> parameters_;
  std::vector<Slot> slots_;  // one a parameter
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/optim/adamw.ipp>  // IWYU pragma: keep
#endif
