// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/adamw.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void adamw_update(ThreadPool& pool, const AdamWUpdate<T>& args) {
  const detail::AdamWStep<T> step{
      .gradient_scale = static_cast<T>(args.gradient_scale),
      .decay = static_cast<T>(1.0 - args.learning_rate * args.weight_decay),
      .beta1 = static_cast<T>(args.beta1),
      .beta2 = static_cast<T>(args.beta2),
      .rest1 = static_cast<T>(1.0 - args.beta1),
      .rest2 = static_cast<T>(1.0 - args.beta2),
      .step = static_cast<T>(args.learning_rate / args.correction1),
      .root = static_cast<T>(1.0 / std::sqrt(args.correction2)),
      .epsilon = static_cast<T>(args.epsilon)};
  const KernelTable<T>& table = kernels<T>();
  const auto size = static_cast<Index>(args.value.size());
  detail::for_rows(pool, size, 1, [&](Index begin, Index end) {
    table.adamw(end - begin, step, args.gradient.data() + begin, args.m.data() + begin,
                args.v.data() + begin, args.value.data() + begin);
  });
}

#if !SOLO_HEADER_ONLY
template void adamw_update<float>(ThreadPool&, const AdamWUpdate<float>&);
template void adamw_update<double>(ThreadPool&, const AdamWUpdate<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
