// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/table.hpp>
#include <solo/ops/cross_entropy.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
void cross_entropy_row(const CrossEntropy<T>& args, Index i) {
  const KernelTable<T>& table = kernels<T>();
  const Index cols = args.logits.cols;
  T* x = args.logits.row(i);
  const Index target = args.targets[static_cast<std::size_t>(i)];
  const double logit = static_cast<double>(x[target]);
  const solo::detail::LogitSums sums = table.logit_sums(cols, x, args.gradient);
  const double lse = std::log(sums.exp_sum) + sums.top;
  const double nll = lse - logit;
  const double eps = args.label_smoothing;
  // Without smoothing a logit of −∞ is harmless, its share of the mean would be NaN.
  const double smooth = eps == 0.0 ? 0.0 : eps * (lse - sums.total / static_cast<double>(cols));
  args.losses[i] = (1.0 - eps) * nll + smooth;
  if (args.nll != nullptr) args.nll[i] = nll;
  if (!args.gradient) return;
  // x holds exp(x − top): the gradient is softmax − ε / V, and − (1 − ε) more at the target.
  const double scale = args.gradient_scale;
  const double p = static_cast<double>(x[target]) / sums.exp_sum;
  const double uniform = eps / static_cast<double>(cols);
  table.affine(cols, static_cast<T>(scale / sums.exp_sum), static_cast<T>(-uniform * scale), x);
  x[target] = static_cast<T>((p - uniform - (1.0 - eps)) * scale);
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
