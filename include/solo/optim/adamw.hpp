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
  double gradient_scale = 1.0;  ///< gradients are multiplied by it on the fly (a clip factor)
  bool check_finite = true;     ///< false when gradient_norm() has just accepted the gradients
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
/// (drop_grad) are left alone, as torch does with `grad is None`. The parameters must outlive it.
template <Scalar T>
class AdamW {
 public:
  /// Throws ConfigError: "config.range" for a hyper-parameter out of its range, "optim.parameters"
  /// for a null or repeated parameter, "parameter.bfloat16" for one that cannot train.
  explicit AdamW(const std::vector<Parameter<T>*>& parameters, const AdamWOptions& options = {});
  explicit AdamW(const std::vector<ParamGroup<T>>& groups, const AdamWOptions& options = {});

  /// One update. Throws NumericError ("numeric.gradient") before anything is changed when a
  /// gradient is not finite.
  void step(const AdamWStepOptions& options = {});
  /// Sets the gradients to zero; their memory stays.
  void zero_grad() noexcept;

  [[nodiscard]] double learning_rate() const noexcept { return options_.learning_rate; }
  /// Each group's rate is this times its lr_multiplier. Throws ConfigError ("config.range").
  void set_learning_rate(double rate);

  /// All parameters, group by group.
  [[nodiscard]] const std::vector<Parameter<T>*>& parameters() const noexcept {
    return parameters_;
  }
  /// Calls f(AdamWState<T>) for each parameter, in that order.
  template <class F>
  void visit(F&& f) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
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
  };

  void add(Parameter<T>* parameter, double weight_decay, double lr_multiplier);

  AdamWOptions options_;
  std::vector<Parameter<T>*> parameters_;
  std::vector<Slot> slots_;  // one a parameter
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/optim/adamw.ipp>  // IWYU pragma: keep
#endif
