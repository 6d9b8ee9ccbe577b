// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/known_value.hpp>
#include <solo/kernels/adamw.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace solo::inline SOLO_ABI {

namespace detail {

SOLO_INLINE void validate(const AdamWOptions& options) {
  const auto decay_rate = [](std::string_view name, double x) {
    if (x >= 0.0 && x < 1.0) return;
    fail<ConfigError>("config.range", name, ": expected 0 <= x < 1, found ", x);
  };
  require_known("optimizer", options.variant, AdamWVariant::lora_nlg);
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
  slots_.push_back(
      {Tensor<T>(shape), Tensor<T>(shape), 0, weight_decay, lr_multiplier, parameter->watch()});
  parameters_.push_back(parameter);
}

template <Scalar T>
void AdamW<T>::require_alive(std::size_t i) const {
  if (!slots_[i].parameter.expired()) return;
  fail<ConfigError>("optim.parameters", "parameter ", i,
                    " no longer exists (its adapter or model was deleted, say)");
}

template <Scalar T>
std::optional<AdamWUpdate<T>> AdamW<T>::update(std::size_t i, double gradient_scale) {
  Parameter<T>& p = *parameters_[i];
  Slot& slot = slots_[i];
  if (!p.requires_grad() || !p.has_grad()) return std::nullopt;
  const auto t = static_cast<double>(slot.step) + 1.0;
  return AdamWUpdate<T>{.variant = options_.variant,
                        .value = p.value().span(),
                        .gradient = p.grad().span(),
                        .m = slot.m.span(),
                        .v = slot.v.span(),
                        .gradient_scale = gradient_scale,
                        .learning_rate = options_.learning_rate * slot.lr_multiplier,
                        .beta1 = options_.beta1,
                        .beta2 = options_.beta2,
                        .epsilon = options_.epsilon,
                        .weight_decay = slot.weight_decay,
                        .correction1 = 1.0 - std::pow(options_.beta1, t),
                        .correction2 = 1.0 - std::pow(options_.beta2, t)};
}

template <Scalar T>
void AdamW<T>::check(const AdamWStepOptions& options) {
  const double scale = options.gradient_scale;
  if (!(scale > 0.0 && is_finite(static_cast<double>(static_cast<T>(scale))))) {
    fail<ConfigError>("config.range", "gradient_scale: expected a finite number above 0, found ",
                      scale);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    require_alive(i);
    Parameter<T>& p = *parameters_[i];
    if (!p.requires_grad() || !p.has_grad()) continue;
    const auto require_shape = [&p](std::string_view what, const Tensor<T>& tensor) {
      if (tensor.shape() == p.shape()) return;
      fail<ShapeError>("shape.mismatch", "step: ", what, " of ", p.name(), ": expected ",
                       to_string(p.shape()), ", found ", to_string(tensor.shape()));
    };
    require_shape("the value", p.value());
    require_shape("the gradient", p.grad());
    require_shape("the moment m", slots_[i].m);
    require_shape("the moment v", slots_[i].v);
    if (slots_[i].step < 0) {
      fail<ConfigError>("config.range", "step: expected at least 0 updates of ", p.name(),
                        ", found ", slots_[i].step);
    }
  }
  if (!options.check_finite) return;
  require_square<T>(gradient_norm(parameters_, {.pool = options_.pool}) * scale, 0);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (const auto next = update(i, scale)) require_finite_update(i, *next);
  }
}

/// Where nothing bounds the update, it is made of copies first, a piece at a time.
template <Scalar T>
void AdamW<T>::require_finite_update(std::size_t i, const AdamWUpdate<T>& update) const {
  const bool bounded = update.learning_rate <= 1.0 &&
                       update.learning_rate * update.weight_decay <= 1.0 &&
                       static_cast<T>(update.epsilon) > T{0};
  if (bounded) return;
  constexpr std::size_t kPiece = 256;
  std::array<std::array<T, kPiece>, 3> memory;
  for (std::size_t begin = 0; begin < update.value.size(); begin += kPiece) {
    const std::size_t count = std::min(kPiece, update.value.size() - begin);
    const auto copy = [&](std::span<const T> from, std::array<T, kPiece>& to) {
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(begin), count, to.begin());
      return std::span<T>(to.data(), count);
    };
    AdamWUpdate<T> piece = update;
    piece.gradient = update.gradient.subspan(begin, count);
    piece.value = copy(update.value, memory[0]);
    piece.m = copy(update.m, memory[1]);
    piece.v = copy(update.v, memory[2]);
    adamw_update<T>(*options_.pool, piece);
    for (std::size_t k = 0; k < count; ++k) {
      const auto value = static_cast<double>(piece.value[k]);
      if (is_finite(value)) continue;
      fail<NumericError>("numeric.parameter", "step: ", quoted(parameters_[i]->name()),
                         " would be ", detail::non_finite_name(value), " at element ", begin + k,
                         ", at learning rate ", update.learning_rate, ", weight decay ",
                         update.weight_decay, " and epsilon ", update.epsilon);
    }
  }
}

template <Scalar T>
void AdamW<T>::step(const AdamWStepOptions& options) {
  check(options);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const auto next = update(i, options.gradient_scale);
    if (!next) continue;
    ++slots_[i].step;
    adamw_update<T>(*options_.pool, *next);
  }
}

template <Scalar T>
void AdamW<T>::zero_grad() noexcept {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].parameter.expired()) parameters_[i]->zero_grad();
  }
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
