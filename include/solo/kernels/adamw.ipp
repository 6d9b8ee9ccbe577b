// SPDX-License-Identifier: MIT
#pragma once

#include <solo/kernels/adamw.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/kernels/table.hpp>

#include <cmath>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void adamw_update(ThreadPool& pool, const AdamWUpdate<T>& args) {
  // The kernel decays first: p d − s d m / (√v + ε) is (p − s m / (√v + ε)) d.
  const bool decays_last = args.variant == AdamWVariant::lora_nlg;
  const double decay = 1.0 - args.learning_rate * args.weight_decay;
  const double rate = args.learning_rate / args.correction1;
  const double root = std::sqrt(args.correction2);
  const detail::AdamWStep<T> step{.gradient_scale = static_cast<T>(args.gradient_scale),
                                  .decay = static_cast<T>(decay),
                                  .beta1 = static_cast<T>(args.beta1),
                                  .beta2 = static_cast<T>(args.beta2),
                                  .rest1 = static_cast<T>(1.0 - args.beta1),
                                  .rest2 = static_cast<T>(1.0 - args.beta2),
                                  .step = static_cast<T>(decays_last ? rate * root * decay : rate),
                                  .root = static_cast<T>(decays_last ? 1.0 : 1.0 / root),
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
