// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/link_statistics.hpp>
#include <solo/adapters/solo/connection.hpp>

#include <cmath>
#include <string>

namespace solo::inline SOLO_ABI {

namespace detail {

template <Scalar T>
[[nodiscard]] double frobenius_norm(ConstMatrixView<T> matrix) {
  double sum = 0.0;
  for (Index i = 0; i < matrix.rows; ++i) {
    const T* const row = matrix.row(i);
    for (Index j = 0; j < matrix.cols; ++j) {
      sum += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    }
  }
  return std::sqrt(sum);
}

}  // namespace detail

template <Scalar T>
std::vector<LinkStatistics> link_statistics(const GPT2<T>& model, const Batch& batch) {
  const std::string active = model.active_adapter();
  const Adapter<T>* const adapter = active.empty() ? nullptr : &model.adapter(active);
  if (dynamic_cast<const BlockAdapter<T>*>(adapter) == nullptr) {
    fail<ConfigError>("adapter.links", "link statistics need an active adapter with links");
  }
  const auto* const solo = dynamic_cast<const SoloConnection<T>*>(adapter);
  std::vector<LinkStatistics> statistics;
  model.observe_links(batch, [&](const Link& link, ConstMatrixView<T> h, ConstMatrixView<T> delta) {
    statistics.push_back({.link = link,
                          .gate = solo == nullptr ? std::nullopt : solo->gate(link),
                          .delta_norm = detail::frobenius_norm<T>(delta),
                          .destination_norm = detail::frobenius_norm<T>(h)});
  });
  return statistics;
}

#if !SOLO_HEADER_ONLY
template std::vector<LinkStatistics> link_statistics<float>(const GPT2<float>&, const Batch&);
template std::vector<LinkStatistics> link_statistics<double>(const GPT2<double>&, const Batch&);
#endif

}  // namespace solo::inline SOLO_ABI
