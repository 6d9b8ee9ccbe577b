// SPDX-License-Identifier: MIT
/// @file
/// Gate functions of Solo links.
#pragma once

#include <solo/adapters/solo/enums.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI {

/// Value and derivative of a gate at its stored number.
struct GateValue {
  double value = 1.0;
  double slope = 0.0;
};

/// The gate at g. clamp passes the gradient on [0, 1], boundary included.
[[nodiscard]] inline GateValue gate_value(SoloGate kind, double g) noexcept {
  switch (kind) {
    case SoloGate::linear:
      return {g, 1.0};
    case SoloGate::clamp:
      return {std::clamp(g, 0.0, 1.0), g >= 0.0 && g <= 1.0 ? 1.0 : 0.0};
    case SoloGate::sigmoid: {
      const double s = 1.0 / (1.0 + std::exp(-g));
      return {s, s * (1.0 - s)};
    }
    case SoloGate::tanh: {
      const double t = std::tanh(g);
      return {t, 1.0 - t * t};
    }
    case SoloGate::none:
      break;
  }
  return {};
}

}  // namespace solo::inline SOLO_ABI
