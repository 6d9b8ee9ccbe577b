// SPDX-License-Identifier: MIT
/// @file
/// The end of a Solo link as one operation: gate, vector and scale.
#pragma once

#include <solo/adapters/solo/gate.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>

namespace solo::inline SOLO_ABI {

/// y = factor · gate(g) · v ⊙ z. v: (cols) or null for ones; gate: (1), or null with
/// SoloGate::none.
template <Scalar T>
struct LinkScaleArgs {
  Parameter<T>* v = nullptr;
  Parameter<T>* gate = nullptr;
  SoloGate kind = SoloGate::none;
  double factor = 1.0;
};
/// Throws ShapeError ("shape.mismatch") when v or gate does not fit z (rows, cols).
template <Scalar T>
[[nodiscard]] Var<T> link_scale(Tape<T>& tape, Var<T> z, const LinkScaleArgs<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/solo/link_scale.ipp>  // IWYU pragma: keep
#endif
