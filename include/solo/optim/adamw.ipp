// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/adamw.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE void validate(const AdamWOptions& options) {
  const auto decay_rate = [](std::string_view name, double x) {
    if (x >= 0.0 && x < 1.0) return;
    fail<ConfigError>("config.range", name, ": expected 0 <= x < 1, found ", x);
  };
  require_not_negative("learning_rate", "", options.learning_rate);
  decay_rate("adam_beta1", options.beta1);
  decay_rate("adam_beta2", options.beta2);
  require_not_negative("adam_epsilon", "", options.epsilon);
  require_not_negative("weight_decay", "", options.weight_decay);
}

}  // namespace detail

template <Scalar T>
AdamW<T>::AdamW(const std::vector<Parameter<T>*>& parameters, const AdamWOptions& options)
    : AdamW(std::vector<ParamGroup<T>>{{.parameters = parameters}}, options) {}

template <Scalar T>
AdamW<T>::AdamW(const std::vector<ParamGroup<T>>& groups, const AdamWOptions& options)
    : options_(options) {
  detail::validate(options_);
  if (!options_.pool) options_.pool = std::make_shared<ThreadPool>(1);
  for (const ParamGroup<T>& group : groups) {
    const double decay = group.weight_decay.value_or(options_.weight_decay);
    detail::require_not_negative("weight_decay", "", decay);
    detail::require_not_negative("lr_multiplier", "", group.lr_multiplier);
    for (Parameter<T>* p : group.parameters) add(p, decay, group.lr_multiplier);
  }
  if (parameters_.empty()) fail<ConfigError>("optim.parameters", "there is no parameter to train");
}

template <Scalar T>
void AdamW<T>::add(Parameter<T>* parameter, double weight_decay, double lr_multiplier) {
  if (parameter == nullptr) {
    fail<ConfigError>("optim.parameters", "parameter ", parameters_.size(), " is null");
  }
  if (std::find(parameters_.begin(), parameters_.end(), parameter) != parameters_.end()) {
    fail<ConfigError>("optim.parameters", quoted(parameter->name()), " is there twice");
  }
  const std::vector<Index>& shape = parameter->value().shape();
  slots_.push_back({Tensor<T>(shape), Tensor<T>(shape), 0, weight_decay, lr_multiplier});
  parameters_.push_back(parameter);
}

template <Scalar T>
void AdamW<T>::step(const AdamWStepOptions& options) {
  if (options.check_finite) {
    static_cast<void>(gradient_norm(parameters_, {.pool = options_.pool}));
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Parameter<T>& p = *parameters_[i];
    Slot& slot = slots_[i];
    if (!p.requires_grad() || !p.has_grad()) continue;
    ++slot.step;
    const auto t = static_cast<double>(slot.step);
    adamw_update<T>(*options_.pool, {.variant = options_.variant,
                                     .value = p.value().span(),
                                     .gradient = p.grad().span(),
                                     .m = slot.m.span(),
                                     .v = slot.v.span(),
                                     .gradient_scale = options.gradient_scale,
                                     .learning_rate = options_.learning_rate * slot.lr_multiplier,
                                     .beta1 = options_.beta1,
                                     .beta2 = options_.beta2,
                                     .epsilon = options_.epsilon,
                                     .weight_decay = slot.weight_decay,
                                     .correction1 = 1.0 - std::pow(options_.beta1, t),
                                     .correction2 = 1.0 - std::pow(options_.beta2, t)});
  }
}

template <Scalar T>
void AdamW<T>::zero_grad() noexcept {
  for (Parameter<T>* p : parameters_) p->zero_grad();
}

template <Scalar T>
void AdamW<T>::set_learning_rate(double rate) {
  AdamWOptions changed = options_;
  changed.learning_rate = rate;
  detail::validate(changed);
  options_.learning_rate = rate;
}

#if !SOLO_HEADER_ONLY
template class AdamW<float>;
template class AdamW<double>;
#endif

}  // namespace solo::inline SOLO_ABI
