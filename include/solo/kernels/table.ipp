// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/kernels/table.hpp>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <type_traits>

#if SOLO_X86
#include <immintrin.h>
#elif SOLO_NEON
#include <arm_neon.h>
#endif

// The body files are included once for each instruction set, each time inside a region of target
// options and in a namespace of its own, so that no other inline function of the program is ever
// compiled for instructions the CPU may lack. They include nothing themselves.

namespace solo::inline SOLO_ABI::isa {

using solo::detail::AdamWStep;
using solo::detail::AttentionHead;
using solo::detail::AttentionHeadBackward;
using solo::detail::cached_width;
using solo::detail::CachedHead;
using solo::detail::DropoutRule;
using solo::detail::GemmPart;
using solo::detail::kCacheBlock;
using solo::detail::kDepthBlock;
using solo::detail::KeyRun;
using solo::detail::kPackedElements;
using solo::detail::LogitSums;
using solo::detail::NormBackwardRow;
using solo::detail::NormRow;

}  // namespace solo::inline SOLO_ABI::isa

// clang-format off

#define SOLO_ISA portable32
#define SOLO_ISA_REAL float
#include <solo/kernels/isa/vec_portable.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_rows.inl.hpp>
#include <solo/kernels/isa/rows.inl.hpp>
#include <solo/kernels/isa/dropout.inl.hpp>
#include <solo/kernels/isa/attention.inl.hpp>
#include <solo/kernels/isa/attention_backward.inl.hpp>
#include <solo/kernels/isa/attention_cached.inl.hpp>
#include <solo/kernels/isa/make_table.inl.hpp>
#undef SOLO_ISA
#undef SOLO_ISA_REAL

#define SOLO_ISA portable64
#define SOLO_ISA_REAL double
#include <solo/kernels/isa/vec_portable.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_rows.inl.hpp>
#include <solo/kernels/isa/rows.inl.hpp>
#include <solo/kernels/isa/dropout.inl.hpp>
#include <solo/kernels/isa/attention.inl.hpp>
#include <solo/kernels/isa/attention_backward.inl.hpp>
#include <solo/kernels/isa/attention_cached.inl.hpp>
#include <solo/kernels/isa/make_table.inl.hpp>
#undef SOLO_ISA
#undef SOLO_ISA_REAL

#if SOLO_NEON

#define SOLO_ISA neon
#include <solo/kernels/isa/vec_neon.inl.hpp>
#include <solo/kernels/isa/math.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_rows.inl.hpp>
#include <solo/kernels/isa/rows.inl.hpp>
#include <solo/kernels/isa/dropout.inl.hpp>
#include <solo/kernels/isa/attention.inl.hpp>
#include <solo/kernels/isa/attention_backward.inl.hpp>
#include <solo/kernels/isa/attention_cached.inl.hpp>
#include <solo/kernels/isa/make_table.inl.hpp>
#undef SOLO_ISA

#elif SOLO_X86

#define SOLO_ISA avx2
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx,avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx,avx2,fma")
#endif
#include <solo/kernels/isa/vec_avx2.inl.hpp>
#include <solo/kernels/isa/math.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_rows.inl.hpp>
#include <solo/kernels/isa/rows.inl.hpp>
#include <solo/kernels/isa/dropout.inl.hpp>
#include <solo/kernels/isa/attention.inl.hpp>
#include <solo/kernels/isa/attention_backward.inl.hpp>
#include <solo/kernels/isa/attention_cached.inl.hpp>
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#include <solo/kernels/isa/make_table.inl.hpp>
#undef SOLO_ISA

#define SOLO_ISA avx512
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx,avx2,fma,avx512f,avx512bw,avx512vl,avx512dq"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx,avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")
#endif
#include <solo/kernels/isa/vec_avx512.inl.hpp>
#include <solo/kernels/isa/math.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_rows.inl.hpp>
#include <solo/kernels/isa/rows.inl.hpp>
#include <solo/kernels/isa/dropout.inl.hpp>
#include <solo/kernels/isa/attention.inl.hpp>
#include <solo/kernels/isa/attention_backward.inl.hpp>
#include <solo/kernels/isa/attention_cached.inl.hpp>
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#include <solo/kernels/isa/make_table.inl.hpp>
#undef SOLO_ISA

// Products with bfloat16 weights; all else is the table above.
#define SOLO_ISA avx512_bf16
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx,avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx,avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
#endif
#include <solo/kernels/isa/vec_avx512.inl.hpp>
#include <solo/kernels/isa/tile.inl.hpp>
#include <solo/kernels/isa/pack.inl.hpp>
#include <solo/kernels/isa/gemm.inl.hpp>
#include <solo/kernels/isa/gemm_dot.inl.hpp>
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#undef SOLO_ISA

#endif

// clang-format on

namespace solo::inline SOLO_ABI {

namespace detail {

inline const KernelTable<float>& table_of(Isa isa) {
  static const KernelTable<float> portable = isa::portable32::make_table(Isa::scalar);
#if SOLO_X86
  static const KernelTable<float> avx2 = isa::avx2::make_table(Isa::avx2);
  static const KernelTable<float> avx512 = isa::avx512::make_table(Isa::avx512);
  static const KernelTable<float> avx512_bf16 = [] {
    KernelTable<float> table = avx512;
    table.isa = Isa::avx512_bf16;
    table.gemm_pack_pairs = isa::avx512_bf16::gemm_pack_pairs;
    table.gemm_part_pairs = isa::avx512_bf16::gemm_part_pairs;
    return table;
  }();
  if (isa == Isa::avx512_bf16) return avx512_bf16;
  if (isa == Isa::avx512) return avx512;
  if (isa == Isa::avx2) return avx2;
#elif SOLO_NEON
  static const KernelTable<float> neon = isa::neon::make_table(Isa::neon);
  if (isa == Isa::neon) return neon;
#endif
  static_cast<void>(isa);
  return portable;
}

inline const KernelTable<double>& table_of_double() {
  static const KernelTable<double> portable = isa::portable64::make_table(Isa::scalar);
  return portable;
}

inline std::atomic<const KernelTable<float>*>& table_in_use() {
  static std::atomic<const KernelTable<float>*> table = [] {
    const char* name = std::getenv("SOLO_SIMD");
    return &table_of(choose_isa(name == nullptr ? "" : name));
  }();
  return table;
}

}  // namespace detail

template <Scalar T>
const KernelTable<T>& kernels() {
  if constexpr (std::is_same_v<T, float>) {
    return *detail::table_in_use().load(std::memory_order_acquire);
  } else {
    return detail::table_of_double();
  }
}

SOLO_INLINE Isa active_isa() {
  return kernels<float>().isa;
}

SOLO_INLINE void set_isa(Isa isa) {
  static_cast<void>(choose_isa(to_string(isa)));
  detail::table_in_use().store(&detail::table_of(isa), std::memory_order_release);
}

#if !SOLO_HEADER_ONLY
template const KernelTable<float>& kernels<float>();
template const KernelTable<double>& kernels<double>();
#endif

}  // namespace solo::inline SOLO_ABI
