// SPDX-License-Identifier: MIT
/// @file
/// The activation functions a GPT-2 configuration or an adapter may name.
#pragma once

#include <solo/core/config.hpp>

#include <string_view>

namespace solo::inline SOLO_ABI {

/// gelu_new is the tanh form, gelu the erf form, silu x·σ(x).
enum class Activation { identity, gelu_new, gelu, relu, silu, tanh, sigmoid };

/// Hugging Face's name of the function.
[[nodiscard]] constexpr std::string_view to_string(Activation activation) noexcept {
  switch (activation) {
    case Activation::identity:
      return "identity";
    case Activation::gelu_new:
      return "gelu_new";
    case Activation::gelu:
      return "gelu";
    case Activation::relu:
      return "relu";
    case Activation::silu:
      return "silu";
    case Activation::tanh:
      return "tanh";
    case Activation::sigmoid:
      return "sigmoid";
  }
  return "unknown";
}

}  // namespace solo::inline SOLO_ABI
