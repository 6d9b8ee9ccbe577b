// SPDX-License-Identifier: MIT
/// @file
/// What beam searches choose among.
#pragma once

#include <solo/core/config.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// A continuation that a beam may get.
struct BeamCandidate {
  double key = 0.0;  ///< what the choice goes by: the score, or with do_sample a perturbed one
  double score = 0.0;
  std::size_t beam = 0;
  int token = 0;
};

/// The best candidates by key, the best first; of equals those that came first.
class BeamRanking {
 public:
  explicit BeamRanking(std::size_t room) : room_(room) { best_.reserve(room); }
  [[nodiscard]] std::size_t room() const noexcept { return room_; }
  void clear() noexcept { best_.clear(); }
  [[nodiscard]] bool full() const noexcept { return best_.size() == room_; }
  [[nodiscard]] const std::vector<BeamCandidate>& best() const noexcept { return best_; }
  void offer(const BeamCandidate& candidate) {
    const auto before = [](const BeamCandidate& a, const BeamCandidate& b) {
      return a.key > b.key;
    };
    if (full()) {
      if (!before(candidate, best_.back())) return;
      best_.pop_back();
    }
    best_.insert(std::upper_bound(best_.begin(), best_.end(), candidate, before), candidate);
  }
  /// The best of these rankings, the earlier ranking's first among equals.
  void take(std::span<const BeamRanking> rankings) {
    clear();
    for (const BeamRanking& ranking : rankings) {
      for (const BeamCandidate& candidate : ranking.best()) offer(candidate);
    }
  }

 private:
  std::size_t room_;
  std::vector<BeamCandidate> best_;
};

}  // namespace solo::inline SOLO_ABI::detail
