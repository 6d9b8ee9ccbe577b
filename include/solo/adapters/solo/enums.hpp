// SPDX-License-Identifier: MIT
/// @file
/// The choices of a SoloConfig and their names in files.
#pragma once

#include <solo/core/activation.hpp>
#include <solo/core/error.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// One (down, up) pair for all links, or one for each.
enum class SoloShare { all, none };
/// What a link computes from its source x: up(φ(e ⊙ down(x))); x; x without v; up(φ(x)).
enum class SoloMap { low_rank, diagonal, scalar, full };
/// Which of down and up train.
enum class SoloFactors { trained, frozen, down_frozen };
/// The gate's value, from the stored number g: g, g clamped to [0, 1], σ(g), tanh(g), or 1.
enum class SoloGate { linear, clamp, sigmoid, tanh, none };
/// A gate for each link, or one for all.
enum class SoloGateScope { link, global };
/// Where training starts; both at Δ = 0. paper: v = 0, factors random; identity: v = 1, up = 0.
enum class SoloInit { paper, identity };
/// Applied to the source, without affine weights, eps 1e-5.
enum class SoloNorm { none, layer_norm, rms_norm };
/// Whether links read block outputs after or before these were corrected themselves.
enum class SoloSource { corrected, raw };
/// How τ grows in training.
enum class SoloScheduleKind { none, linear, cosine };

/// The names of an enumeration's values, in their order.
template <class E>
inline constexpr std::array<std::string_view, 0> kEnumNames = {};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<SoloShare> = {"all", "none"};
template <>
inline constexpr std::array<std::string_view, 4> kEnumNames<SoloMap> = {"low_rank", "diagonal",
                                                                        "scalar", "full"};
template <>
inline constexpr std::array<std::string_view, 3> kEnumNames<SoloFactors> = {"trained", "frozen",
                                                                            "down_frozen"};
template <>
inline constexpr std::array<std::string_view, 5> kEnumNames<SoloGate> = {"linear", "clamp",
                                                                         "sigmoid", "tanh", "none"};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<SoloGateScope> = {"link", "global"};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<SoloInit> = {"paper", "identity"};
template <>
inline constexpr std::array<std::string_view, 3> kEnumNames<SoloNorm> = {"none", "layer_norm",
                                                                         "rms_norm"};
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<SoloSource> = {"corrected", "raw"};
template <>
inline constexpr std::array<std::string_view, 3> kEnumNames<SoloScheduleKind> = {"none", "linear",
                                                                                 "cosine"};
/// The activations of a link.
template <>
inline constexpr std::array<std::string_view, 2> kEnumNames<Activation> = {"identity", "gelu_new"};

/// An enumeration with names.
template <class E>
concept NamedEnum = !kEnumNames<E>.empty();

/// The value's name in files.
template <NamedEnum E>
[[nodiscard]] constexpr std::string_view to_string(E value) noexcept {
  const auto i = static_cast<std::size_t>(value);
  return i < kEnumNames<E>.size() ? kEnumNames<E>[i] : std::string_view("unknown");
}

/// Throws ConfigError ("config.value"): `field`, the choices, and what was found.
[[noreturn]] inline void refuse_choice(std::string_view field,
                                       std::span<const std::string_view> choices,
                                       std::string_view found) {
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) list += i + 1 == choices.size() ? " or " : ", ";
    list += choices[i];
  }
  fail<ConfigError>("config.value", field, ": expected ", list, ", found ", quoted(found));
}

/// The value of this name; `field` is for the error, as refuse_choice.
template <NamedEnum E>
[[nodiscard]] E parse_choice(std::string_view field, std::string_view name) {
  for (std::size_t i = 0; i < kEnumNames<E>.size(); ++i) {
    if (kEnumNames<E>[i] == name) return static_cast<E>(i);
  }
  refuse_choice(field, kEnumNames<E>, name);
}

}  // namespace solo::inline SOLO_ABI
