// SPDX-License-Identifier: MIT
// refused: (conversion|convert|no viable)
#include <solo/core/view.hpp>

solo::ConstMatrixView<float> widen(solo::MatrixView<float> view) {
  return view;
}
#ifdef SOLO_REFUSED
solo::MatrixView<float> narrow(solo::ConstMatrixView<float> view) {
  return view;
}
#endif
