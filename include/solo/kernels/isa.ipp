// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/kernels/isa.hpp>

#include <string>

namespace solo::inline SOLO_ABI {

SOLO_INLINE bool cpu_supports(Isa isa) noexcept {
  switch (isa) {
    case Isa::scalar:
      return true;
    case Isa::neon:
      return SOLO_NEON != 0;
    case Isa::avx2:
#if SOLO_X86
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
#else
      return false;
#endif
    case Isa::avx512:
#if SOLO_X86
      return cpu_supports(Isa::avx2) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
             __builtin_cpu_supports("avx512dq") != 0;
#else
      return false;
#endif
    case Isa::avx512_bf16:
#if SOLO_X86
      return cpu_supports(Isa::avx512) && __builtin_cpu_supports("avx512bf16") != 0;
#else
      return false;
#endif
  }
  return false;
}

SOLO_INLINE std::vector<Isa> available_isas() {
  std::vector<Isa> found;
  for (const Isa isa : kAllIsas) {
    if (cpu_supports(isa)) found.push_back(isa);
  }
  return found;
}

SOLO_INLINE Isa choose_isa(std::string_view name) {
  const std::vector<Isa> available = available_isas();
  if (name.empty()) return available.back();
  std::string list;
  for (const Isa isa : available) {
    if (to_string(isa) == name) return isa;
    list += list.empty() ? "" : ", ";
    list += to_string(isa);
  }
  fail<ConfigError>("config.simd", "SOLO_SIMD: expected one of ", list,
                    " (what this CPU runs), found ", quoted(name));
}

}  // namespace solo::inline SOLO_ABI
