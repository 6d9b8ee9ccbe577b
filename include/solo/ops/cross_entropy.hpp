// SPDX-License-Identifier: MIT
/// @file
/// Cross-entropy of logit rows, with label smoothing.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/core/view.hpp>

#include <span>

namespace solo::inline SOLO_ABI::ops {

/// Per row, with lp = log_softmax(logits): nll = −lp[target], loss = (1 − ε) · nll + ε ·
/// mean_v(−lp[v]) (torch's label smoothing: ε over all V classes, the target included). losses and
/// nll get one double a row (nll may be null). With `gradient` the logits are overwritten by
/// ∂loss/∂logits · gradient_scale. Every target is in range.
template <Scalar T>
struct CrossEntropy {
  MatrixView<T> logits = {};
  std::span<const int> targets = {};
  double label_smoothing = 0.0;
  bool gradient = false;
  double gradient_scale = 1.0;
  double* losses = nullptr;
  double* nll = nullptr;
};
template <Scalar T>
void cross_entropy(ThreadPool& pool, const CrossEntropy<T>& args);

}  // namespace solo::inline SOLO_ABI::ops

#if SOLO_HEADER_ONLY
#include <solo/ops/cross_entropy.ipp>  // IWYU pragma: keep
#endif
