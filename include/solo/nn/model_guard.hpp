// SPDX-License-Identifier: MIT
/// @file
/// Who uses a model meanwhile, and what changes to it would take from under them.
#pragma once

#include <solo/core/error.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Outlives the model where somebody still asks.
struct ModelUse {
  std::atomic<int> holds = 0;
  std::atomic<std::uint64_t> changes = 0;
};

}  // namespace detail

/// While one lives, nobody changes which adapters its model has or uses, and nobody moves or
/// replaces the model: such calls throw.
class AdapterHold {
 public:
  explicit AdapterHold(std::shared_ptr<detail::ModelUse> use) noexcept : use_(std::move(use)) {
    ++use_->holds;
  }
  AdapterHold(const AdapterHold&) = delete;
  AdapterHold& operator=(const AdapterHold&) = delete;
  ~AdapterHold() { --use_->holds; }

 private:
  std::shared_ptr<detail::ModelUse> use_;
};

namespace detail {

/// The first member of a model, so that a move which must not be is refused before anything moves.
class ModelGuard {
 public:
  ModelGuard() = default;
  // Not noexcept: what is held stays where it is.
  ModelGuard(ModelGuard&& other) { other.leave(); }  // NOLINT(*-noexcept-move*)
  ModelGuard& operator=(ModelGuard&& other) {        // NOLINT(*-noexcept-move*)
    require_not_held("replacing the model");
    other.leave();
    changed();
    return *this;
  }
  ~ModelGuard() { changed(); }

  /// ConfigError ("adapter.held") naming the call, while a hold lives.
  void require_not_held(std::string_view call) const {
    if (use_->holds == 0) return;
    fail<ConfigError>("adapter.held", call,
                      ": not while the model trains, generates or is held otherwise (in a callback "
                      "of it, say); EvalOptions::adapter scores with another adapter");
  }
  [[nodiscard]] AdapterHold hold() const noexcept { return AdapterHold(use_); }

  /// What a tape has recorded of the model no longer holds.
  void changed() noexcept { ++use_->changes; }
  [[nodiscard]] std::shared_ptr<const std::atomic<std::uint64_t>> changes() const noexcept {
    return {use_, &use_->changes};
  }

 private:
  void leave() {
    require_not_held("moving the model");
    changed();
  }

  std::shared_ptr<ModelUse> use_ = std::make_shared<ModelUse>();
};

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
