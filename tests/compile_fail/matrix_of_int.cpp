// SPDX-License-Identifier: MIT
// refused: (constraint|constraints not satisfied)
#include <solo/core/eigen.hpp>

solo::Matrix<double> valid;
#ifdef SOLO_REFUSED
solo::Matrix<int> refused;
#endif
