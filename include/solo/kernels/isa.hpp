// SPDX-License-Identifier: MIT
/// @file
/// Instruction sets the kernels are compiled for, and which of them this CPU runs.
#pragma once

#include <solo/core/config.hpp>

#include <array>
#include <string_view>
#include <vector>

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define SOLO_X86 1
#else
#define SOLO_X86 0
#endif
#if defined(__aarch64__) && defined(__GNUC__)
#define SOLO_NEON 1
#else
#define SOLO_NEON 0
#endif

namespace solo::inline SOLO_ABI {

/// `scalar` is portable code (16-byte vectors of the compiler's own, as its baseline has them);
/// neon is AArch64's; avx2 includes FMA; avx512 means F, BW, VL and DQ; avx512_bf16 has the dot
/// products of AVX-512 BF16 besides.
enum class Isa { scalar, neon, avx2, avx512, avx512_bf16 };

/// All of them, worst first.
inline constexpr std::array<Isa, 5> kAllIsas = {Isa::scalar, Isa::neon, Isa::avx2, Isa::avx512,
                                                Isa::avx512_bf16};

/// "scalar", "neon", "avx2", "avx512" or "avx512_bf16".
[[nodiscard]] constexpr std::string_view to_string(Isa isa) noexcept {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::neon:
      return "neon";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512_bf16:
      return "avx512_bf16";
  }
  return "unknown";
}

/// Whether kernels for `isa` are compiled in and this CPU (and its operating system) runs them.
[[nodiscard]] bool cpu_supports(Isa isa) noexcept;

/// The instruction sets this CPU runs, worst first; never empty.
[[nodiscard]] std::vector<Isa> available_isas();

/// The instruction set `name` (the value of SOLO_SIMD) asks for; the best one for "". Throws
/// ConfigError ("config.simd") for an unknown name and for one this CPU does not run.
[[nodiscard]] Isa choose_isa(std::string_view name);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/kernels/isa.ipp>  // IWYU pragma: keep
#endif
