// SPDX-License-Identifier: MIT
/// @file
/// The optimizer that a run's options mean.
#pragma once

#include <solo/optim/adamw.hpp>
#include <solo/train/trainer_options.hpp>

#include <memory>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

template <Scalar T>
[[nodiscard]] AdamW<T> make_optimizer(const TrainerOptions& options,
                                      const std::vector<Parameter<T>*>& parameters,
                                      const std::shared_ptr<ThreadPool>& pool) {
  const bool decay_all = options.optimizer == AdamWVariant::lora_nlg;
  return AdamW<T>(make_param_groups(parameters, {.weight_decay = options.weight_decay,
                                                 .decay_all = decay_all,
                                                 .lr_multipliers = options.lr_multipliers}),
                  {.variant = options.optimizer,
                   .learning_rate = options.learning_rate,
                   .beta1 = options.adam_beta1,
                   .beta2 = options.adam_beta2,
                   .epsilon = options.adam_epsilon,
                   .pool = pool});
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
