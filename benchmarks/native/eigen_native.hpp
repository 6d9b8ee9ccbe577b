// SPDX-License-Identifier: MIT
/// @file
/// What kernels.cpp compares with, compiled for this CPU (-march=native) apart from everything of
/// the library.
#pragma once

#include <cstddef>

/// c = a · b by Eigen on one thread. a: (m, k), b: (k, n), all row-major.
[[gnu::visibility("default")]] void eigen_native_product(const float* a, const float* b, float* c,
                                                         std::ptrdiff_t m, std::ptrdiff_t k,
                                                         std::ptrdiff_t n);
