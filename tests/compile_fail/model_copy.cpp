// SPDX-License-Identifier: MIT
// refused: (use of deleted function|call to (implicitly-)?deleted|deleted constructor)
#include <solo/nn/gpt2.hpp>

#include <utility>

void copy(solo::GPT2<float>& model) {
  solo::GPT2<float> moved = std::move(model);
#ifdef SOLO_REFUSED
  solo::GPT2<float> copied = moved;
#endif
}
