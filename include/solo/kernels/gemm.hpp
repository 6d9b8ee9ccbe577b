// SPDX-License-Identifier: MIT
/// @file
/// Matrix product over strided operands.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/kernels/operand.hpp>

namespace solo::inline SOLO_ABI {

/// c = a · b, or c += a · b. a: (M, K), b: (K, N), c: (M, N).
template <Scalar T>
struct Gemm {
  Operand<T> a = {};
  Operand<T> b = {};
  MatrixView<T> c = {};
  bool accumulate = false;
};

/// Runs the product. Each element of c is a sum over k in one fixed order, whatever M, N, the
/// element's place and the thread count: a row gives the same bits alone and in a batch.
template <Scalar T>
void gemm(ThreadPool& pool, const Gemm<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/gemm.ipp>  // IWYU pragma: keep
#endif
