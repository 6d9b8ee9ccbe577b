// SPDX-License-Identifier: MIT
// refused: compile without -ffast-math
// flags: -ffinite-math-only
#include <solo/core/config.hpp>
