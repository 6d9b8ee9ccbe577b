// SPDX-License-Identifier: MIT
/// @file
/// How much each link of an adapter does.
#pragma once

#include <solo/data/batch.hpp>
#include <solo/nn/gpt2.hpp>

#include <optional>
#include <vector>

namespace solo::inline SOLO_ABI {

/// One link over the rows of a batch; norms are Frobenius norms.
struct LinkStatistics {
  Link link;
  /// Of a Solo link with a gate: the gate function's value, scale and schedule left out.
  std::optional<double> gate = {};
  double delta_norm = 0.0;        ///< ‖Δ‖
  double destination_norm = 0.0;  ///< ‖h_dst‖ before any correction

  /// ‖Δ‖ / ‖h_dst‖; NaN where both are 0.
  [[nodiscard]] double ratio() const noexcept { return delta_norm / destination_norm; }
};

/// The links of the active adapter in the order in which they act, over all rows of the batch,
/// without dropout. Throws ConfigError "adapter.links" when the active adapter has no links or
/// there is none, ShapeError as GPT2::logits.
template <Scalar T>
[[nodiscard]] std::vector<LinkStatistics> link_statistics(const GPT2<T>& model, const Batch& batch);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/link_statistics.ipp>  // IWYU pragma: keep
#endif
