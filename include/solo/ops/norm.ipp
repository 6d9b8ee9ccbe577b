// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/rows.hpp>
#include <solo/ops/norm.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI::ops {

namespace detail {

template <Scalar T>
void norm_forward_row(const NormForward<T>& args, Index i) {
  const Index cols = args.x.cols;
  const T* x = args.x.row(i);
  T* y = args.y.row(i);
  double mean = 0.0;
  if (args.centered) {
    for (Index j = 0; j < cols; ++j) mean += static_cast<double>(x[j]);
    mean /= static_cast<double>(cols);
  }
  double var = 0.0;
  for (Index j = 0; j < cols; ++j) {
    const double d = static_cast<double>(x[j]) - mean;
    var += d * d;
  }
  var /= static_cast<double>(cols);
  const T rstd = static_cast<T>(1.0 / std::sqrt(var + args.eps));
  const T center = static_cast<T>(mean);
  for (Index j = 0; j < cols; ++j) {
    const T normed = (x[j] - center) * rstd;
    const T scaled = args.weight != nullptr ? normed * args.weight[j] : normed;
    y[j] = args.bias != nullptr ? scaled + args.bias[j] : scaled;
  }
  if (args.mean != nullptr) args.mean[i] = center;
  if (args.rstd != nullptr) args.rstd[i] = rstd;
}

/// dx += rstd · (g − mean(g) − x̂ · mean(g ⊙ x̂)), g = dy ⊙ weight.
template <Scalar T>
void norm_backward_row(const NormBackward<T>& args, Index i) {
  const Index cols = args.x.cols;
  const T* x = args.x.row(i);
  const T* dy = args.dy.row(i);
  T* dx = args.dx.row(i);
  const T mean = args.centered ? args.mean[i] : T{0};
  const T rstd = args.rstd[i];
  double sum = 0.0;
  double dot = 0.0;
  for (Index j = 0; j < cols; ++j) {
    const T g = args.weight != nullptr ? dy[j] * args.weight[j] : dy[j];
    sum += static_cast<double>(g);
    dot += static_cast<double>(g) * static_cast<double>((x[j] - mean) * rstd);
  }
  const T mean_g = args.centered ? static_cast<T>(sum / static_cast<double>(cols)) : T{0};
  const T mean_gx = static_cast<T>(dot / static_cast<double>(cols));
  for (Index j = 0; j < cols; ++j) {
    const T g = args.weight != nullptr ? dy[j] * args.weight[j] : dy[j];
    dx[j] += rstd * (g - mean_g - (x[j] - mean) * rstd * mean_gx);
  }
}

}  // namespace detail

template <Scalar T>
void norm_forward(ThreadPool& pool, const NormForward<T>& args) {
  solo::detail::for_rows(pool, args.x.rows, args.x.cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) detail::norm_forward_row(args, i);
  });
}

template <Scalar T>
void norm_backward(ThreadPool& pool, const NormBackward<T>& args) {
  if (args.dx.data != nullptr) {
    solo::detail::for_rows(pool, args.x.rows, args.x.cols, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) detail::norm_backward_row(args, i);
    });
  }
  if (args.dweight == nullptr && args.dbias == nullptr) return;
  solo::detail::for_rows(pool, args.x.cols, args.x.rows, [&](Index begin, Index end) {
    for (Index i = 0; i < args.x.rows; ++i) {
      for (Index j = begin; j < end; ++j) {
        const T dy = args.dy(i, j);
        const T mean = args.centered ? args.mean[i] : T{0};
        if (args.dweight != nullptr) args.dweight[j] += dy * ((args.x(i, j) - mean) * args.rstd[i]);
        if (args.dbias != nullptr) args.dbias[j] += dy;
      }
    }
  });
}

#if !SOLO_HEADER_ONLY
template void norm_forward<float>(ThreadPool&, const NormForward<float>&);
template void norm_forward<double>(ThreadPool&, const NormForward<double>&);
template void norm_backward<float>(ThreadPool&, const NormBackward<float>&);
template void norm_backward<double>(ThreadPool&, const NormBackward<double>&);
#endif

}  // namespace solo::inline SOLO_ABI::ops
