// SPDX-License-Identifier: MIT
// refused: (use of deleted function|call to (implicitly-)?deleted (copy )?constructor)
#include <solo/core/tensor.hpp>

#include <utility>

void copy(solo::Tensor<float>& tensor) {
  solo::Tensor<float> cloned = tensor.clone();
  solo::Tensor<float> moved = std::move(tensor);
#ifdef SOLO_REFUSED
  solo::Tensor<float> copied = cloned;
#endif
}
