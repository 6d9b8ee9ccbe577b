// SPDX-License-Identifier: MIT
/// @file
/// Matrix product over strided operands.
#pragma once

#include <solo/core/parallel.hpp>
#include <solo/kernels/operand.hpp>

namespace solo::inline SOLO_ABI {

/// c = a · b + bias + residual, or c += a · b; then activated = gelu_new(c). a: (M, K), strided; b:
/// (K, N), strided or packed; c: (M, N); bias: (N) or null, not with accumulate; residual and
/// activated: (M, N) or empty. The last three are done while a piece of c is in the nearest cache.
template <Scalar T>
struct Gemm {
  Operand<T> a = {};
  Operand<T> b = {};
  MatrixView<T> c = {};
  bool accumulate = false;
  const T* bias = nullptr;
  ConstMatrixView<T> residual = {};
  MatrixView<T> activated = {};
};

/// Runs the product. Each element of c is a sum over k in one fixed order, whatever M, N, the
/// element's place and the thread count: a row gives the same bits alone and in a batch, a packed b
/// the same as a strided one. Where the CPU has dot products of bfloat16 (Isa::avx512_bf16), a is
/// rounded to bfloat16 for a b that is; elsewhere such a b is widened. Throws ShapeError
/// ("shape.mismatch") when the shapes do not fit.
template <Scalar T>
void gemm(ThreadPool& pool, const Gemm<T>& args);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/gemm.ipp>  // IWYU pragma: keep
#endif
