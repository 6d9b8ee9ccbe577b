// SPDX-License-Identifier: MIT
// Dropout factors from Philox4x32-10, the same numbers as core/rng.hpp, one counter a 64-bit lane.
// Included by table.ipp once per instruction set.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline constexpr Index kCounters = static_cast<Index>(sizeof(Words) / sizeof(std::uint64_t));
inline constexpr int kStreams = 2;  ///< of counters side by side, which hides the latencies
inline constexpr Index kRandomWords = kStreams * 4 * kCounters;

/// The compilers' own shifts of vectors, in every lane.
using Unsigned __attribute__((vector_size(sizeof(Words)))) = std::uint64_t;
[[gnu::always_inline]] inline Words upper(Words a) {
  return (Words)((Unsigned)a >> 32U);
}
/// The lower halves of a, and those of b above them.
[[gnu::always_inline]] inline Words join(Words a, Words b) {
  return (Words)(((Unsigned)a & 0xFFFFFFFFU) | ((Unsigned)b << 32U));
}

/// The words of the blocks with the counters counter, counter + 1, … in their order. The upper
/// halves of the lanes hold rubbish that the multiplications pass over.
[[gnu::noinline]] inline void philox_words(const DropoutRule& rule, std::uint64_t counter,
                                           std::uint32_t* out) {
  // Even lanes hold the first half of the counters: so the zips below leave them in order.
  std::uint64_t lane[kStreams][kCounters];
  for (Index l = 0; l < kStreams * kCounters; ++l) {
    const Index at = l % kCounters;
    lane[l / kCounters][at] =
        counter + static_cast<std::uint64_t>(l - at + at % 2 * (kCounters / 2) + at / 2);
  }
  Words x0[kStreams];
  Words x1[kStreams];
  Words x2[kStreams];
  Words x3[kStreams];
  __builtin_memcpy(x0, lane, sizeof(x0));
#pragma GCC unroll 2
  for (int s = 0; s < kStreams; ++s) {
    x1[s] = upper(x0[s]);
    x2[s] = splat_words(rule.stream);
    x3[s] = splat_words(rule.stream >> 32U);
  }
  std::uint32_t k0 = static_cast<std::uint32_t>(rule.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(rule.seed >> 32U);
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 2
    for (int s = 0; s < kStreams; ++s) {
      const Words a = multiply_low(splat_words(0xD2511F53U), x0[s]);
      const Words b = multiply_low(splat_words(0xCD9E8D57U), x2[s]);
      x0[s] = upper(b) ^ x1[s] ^ splat_words(k0);
      x1[s] = b;
      x2[s] = upper(a) ^ x3[s] ^ splat_words(k1);
      x3[s] = a;
    }
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
#pragma GCC unroll 2
  for (int s = 0; s < kStreams; ++s) {
    const Words low = join(x0[s], x1[s]);
    const Words high = join(x2[s], x3[s]);
    const Words words[2] = {zip_even(low, high), zip_odd(low, high)};
    __builtin_memcpy(out + s * 4 * kCounters, words, sizeof(words));
  }
}

/// y = x · factor or 0 for the elements number first, first + 1, …, or y += with `accumulate`.
[[gnu::noinline]] inline void dropout_row(Index n, const Real* x, Real* y, const DropoutRule& rule,
                                          std::uint64_t first, bool accumulate) {
  const Index skip = static_cast<Index>(first % 4U);
  const Real factor = static_cast<Real>(rule.factor);
  // Reading whole vectors goes beyond the words in use.
  std::uint32_t words[kRandomWords + kLanes] = {};
  for (Index begin = -skip; begin < n; begin += kRandomWords) {
    philox_words(rule, (first + static_cast<std::uint64_t>(begin)) / 4U, words);
    const Index from = begin < 0 ? 0 : begin;
    const Index end = begin + kRandomWords < n ? begin + kRandomWords : n;
    for (Index i = from; i < end; i += kLanes) {
      const Index m = lanes_at(i, end);
      const Vec f = keep_factors(words + (i - begin), rule.threshold, factor);
      const Vec v = load_n(x + i, m) * f;
      store_n(y + i, accumulate ? load_n(y + i, m) + v : v, m);
    }
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
