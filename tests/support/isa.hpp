// SPDX-License-Identifier: MIT
/// @file
/// Instruction sets for tests.
#pragma once

#include <solo/kernels/table.hpp>

namespace solo::test {

/// The best instruction set of this CPU that widens bfloat16 weights instead of rounding what they
/// are multiplied with: their products are those of float weights with the same values.
inline Isa widening_isa() {
  Isa best = Isa::scalar;
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    if (kernels<float>().gemm_part_pairs == nullptr) best = isa;
  }
  return best;
}

}  // namespace solo::test
