// SPDX-License-Identifier: MIT
// refused: compile without -ffast-math
// flags: -ffast-math
#include <solo/core/config.hpp>
