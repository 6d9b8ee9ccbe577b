// SPDX-License-Identifier: MIT
/// @file
/// The fused AdamW update of one tensor.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/view.hpp>

#include <span>

namespace solo::inline SOLO_ABI {

/// Where AdamW adds ε, and when it decays.
enum class AdamWVariant {
  torch,  ///< torch.optim.AdamW: p ·= 1 − lr · weight_decay; p −= (lr / c1) · m / (√v / √c2 + ε)
  lora_nlg,  ///< LoRA's code for NLG: p −= (lr √c2 / c1) · m / (√v + ε); p ·= 1 − lr · weight_decay
};

/// Element by element (step t = 1, 2, …; bias corrections c1 = 1 − β1^t, c2 = 1 − β2^t):
/// m = β1·m + (1 − β1)·g; v = β2·v + (1 − β2)·g²; p as the variant says. g is the gradient times
/// gradient_scale (the clip factor).
template <Scalar T>
struct AdamWUpdate {
  AdamWVariant variant = AdamWVariant::torch;
  std::span<T> value = {};
  std::span<const T> gradient = {};
  std::span<T> m = {};
  std::span<T> v = {};
  double gradient_scale = 1.0;
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  double correction1 = 1.0;
  double correction2 = 1.0;
};
template <Scalar T>
void adamw_update(ThreadPool& pool, const AdamWUpdate<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/adamw.ipp>  // IWYU pragma: keep
#endif
