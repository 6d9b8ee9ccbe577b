// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/adamw.hpp>
#include <solo/kernels/rows.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void adamw_update(ThreadPool& pool, const AdamWUpdate<T>& args) {
  const auto size = static_cast<Index>(args.value.size());
  const T decay = static_cast<T>(1.0 - args.learning_rate * args.weight_decay);
  const T beta1 = static_cast<T>(args.beta1);
  const T beta2 = static_cast<T>(args.beta2);
  const T step = static_cast<T>(args.learning_rate / args.correction1);
  const T root = static_cast<T>(1.0 / std::sqrt(args.correction2));
  const T epsilon = static_cast<T>(args.epsilon);
  const T scale = static_cast<T>(args.gradient_scale);
  detail::for_rows(pool, size, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const T g = args.gradient[at] * scale;
      const T m = beta1 * args.m[at] + (T{1} - beta1) * g;
      const T v = beta2 * args.v[at] + (T{1} - beta2) * g * g;
      args.m[at] = m;
      args.v[at] = v;
      args.value[at] = args.value[at] * decay - step * m / (std::sqrt(v) * root + epsilon);
    }
  });
}

#if !SOLO_HEADER_ONLY
template void adamw_update<float>(ThreadPool&, const AdamWUpdate<float>&);
template void adamw_update<double>(ThreadPool&, const AdamWUpdate<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
