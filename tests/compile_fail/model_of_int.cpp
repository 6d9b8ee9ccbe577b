// SPDX-License-Identifier: MIT
// refused: (constraint|constraints not satisfied)
#include <solo/nn/gpt2.hpp>

void valid(const solo::GPT2<float>&, const solo::GPT2<double>&);
#ifdef SOLO_REFUSED
void refused(const solo::GPT2<int>&);
#endif
