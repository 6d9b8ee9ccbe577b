// SPDX-License-Identifier: MIT
/// @file
/// The places of the base where its own dropout acts, by number.
#pragma once

#include <solo/autograd/functions.hpp>
#include <solo/autograd/tape.hpp>

#include <cstdint>

namespace solo::inline SOLO_ABI::detail {

/// Numbers of the dropout places of the base: one for the embedding, three a block.
enum class DropoutPlace : std::uint32_t {
  embedding = 0,
  attention = 1,
  attn_c_proj = 2,
  mlp_c_proj = 3
};

[[nodiscard]] inline std::uint32_t dropout_site(int layer, DropoutPlace place) {
  return static_cast<std::uint32_t>(layer) * 4U + static_cast<std::uint32_t>(place);
}

/// Residual dropout where it is on; x is given back when it became another matrix.
template <Scalar T>
[[nodiscard]] Var<T> residual_dropout(Tape<T>& tape, Var<T> x, const DropoutArgs& args) {
  const Var<T> y = dropout(tape, x, args);
  if (!(y == x)) tape.release(x);
  return y;
}

}  // namespace solo::inline SOLO_ABI::detail
