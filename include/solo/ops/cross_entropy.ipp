// SPDX-License-Identifier: MIT
#pragma once

#include <solo/ops/cross_entropy.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
void cross_entropy_row(const CrossEntropy<T>& args, Index i) {
  const Index cols = args.logits.cols;
  T* x = args.logits.row(i);
  const Index target = args.targets[static_cast<std::size_t>(i)];
  T top = x[0];
  for (Index j = 1; j < cols; ++j) top = x[j] > top || x[j] != x[j] ? x[j] : top;
  double sum = 0.0;
  double total = 0.0;
  for (Index j = 0; j < cols; ++j) {
    sum += std::exp(static_cast<double>(x[j] - top));
    total += static_cast<double>(x[j]);
  }
  const double lse = std::log(sum) + static_cast<double>(top);
  const double nll = lse - static_cast<double>(x[target]);
  const double eps = args.label_smoothing;
  const double uniform = eps / static_cast<double>(cols);
  // Without smoothing a logit of −∞ is harmless, its share of the sum would be NaN.
  const double smooth = eps == 0.0 ? 0.0 : eps * (lse - total / static_cast<double>(cols));
  args.losses[i] = (1.0 - eps) * nll + smooth;
  if (args.nll != nullptr) args.nll[i] = nll;
  if (!args.gradient) return;
  for (Index j = 0; j < cols; ++j) {
    const double p = std::exp(static_cast<double>(x[j] - top)) / sum;
    const double label = uniform + (j == target ? 1.0 - eps : 0.0);
    x[j] = static_cast<T>((p - label) * args.gradient_scale);
  }
}

}  // namespace detail

template <Scalar T>
void cross_entropy(ThreadPool& pool, const CrossEntropy<T>& args) {
  pool.for_each(args.logits.rows, [&](Index i) { detail::cross_entropy_row(args, i); });
}

#if !SOLO_HEADER_ONLY
template void cross_entropy<float>(ThreadPool&, const CrossEntropy<float>&);
template void cross_entropy<double>(ThreadPool&, const CrossEntropy<double>&);
#endif

}  // namespace solo::inline SOLO_ABI::ops
