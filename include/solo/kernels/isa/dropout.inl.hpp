// SPDX-License-Identifier: MIT
// Dropout factors from Philox4x32-10, sixteen counters at a time. Included by table.ipp once per
// instruction set. The same numbers as core/rng.hpp, written as loops that compilers vectorise.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline constexpr Index kCounters = 16;

struct PhiloxLanes {
  std::uint32_t x[4][kCounters];
};

/// The blocks with the counters counter, counter + 1, …
[[gnu::noinline]] inline void philox_lanes(const DropoutRule& rule, std::uint64_t counter,
                                           PhiloxLanes& out) {
  std::uint32_t k0 = static_cast<std::uint32_t>(rule.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(rule.seed >> 32U);
  for (Index l = 0; l < kCounters; ++l) {
    const std::uint64_t c = counter + static_cast<std::uint64_t>(l);
    out.x[0][l] = static_cast<std::uint32_t>(c);
    out.x[1][l] = static_cast<std::uint32_t>(c >> 32U);
    out.x[2][l] = static_cast<std::uint32_t>(rule.stream);
    out.x[3][l] = static_cast<std::uint32_t>(rule.stream >> 32U);
  }
  for (int round = 0; round < 10; ++round) {
    for (Index l = 0; l < kCounters; ++l) {
      const std::uint64_t a = std::uint64_t{0xD2511F53U} * out.x[0][l];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * out.x[2][l];
      out.x[0][l] = static_cast<std::uint32_t>(b >> 32U) ^ out.x[1][l] ^ k0;
      out.x[2][l] = static_cast<std::uint32_t>(a >> 32U) ^ out.x[3][l] ^ k1;
      out.x[1][l] = static_cast<std::uint32_t>(b);
      out.x[3][l] = static_cast<std::uint32_t>(a);
    }
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
}

/// out[i] = 0 or rule.factor for the number first + i, in pieces of at most kFactors.
inline constexpr Index kFactors = 4 * kCounters;
struct DropoutFactors {
  Real value[kFactors];
};

/// Factors of the numbers from `first`, a multiple of four.
inline void dropout_factors(const DropoutRule& rule, std::uint64_t first, DropoutFactors& out) {
  PhiloxLanes lanes;
  philox_lanes(rule, first / 4U, lanes);
  const Real factor = static_cast<Real>(rule.factor);
  for (Index l = 0; l < kCounters; ++l) {
    for (Index w = 0; w < 4; ++w) {
      out.value[4 * l + w] = (lanes.x[w][l] >> 8U) >= rule.threshold ? factor : 0;
    }
  }
}

[[gnu::noinline]] inline void dropout_row(Index n, const Real* x, Real* y, const DropoutRule& rule,
                                          std::uint64_t first, bool accumulate) {
  const Index skip = static_cast<Index>(first % 4U);
  DropoutFactors factors;
  for (Index begin = -skip; begin < n; begin += kFactors) {
    dropout_factors(rule, first + static_cast<std::uint64_t>(begin), factors);
    const Index from = begin < 0 ? 0 : begin;
    const Index end = begin + kFactors < n ? begin + kFactors : n;
    for (Index i = from; i < end; i += kLanes) {
      const Index m = lanes_at(i, end);
      const Vec f = load_n(factors.value + i - begin, m);
      const Vec v = load_n(x + i, m) * f;
      store_n(y + i, accumulate ? load_n(y + i, m) + v : v, m);
    }
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
