// SPDX-License-Identifier: MIT
// Dropout factors from Philox4x32-10, the same numbers as core/rng.hpp, one counter a 64-bit lane.
// Included by table.ipp once per instruction set.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline constexpr Index kCounters = static_cast<Index>(sizeof(Words) / sizeof(std::uint64_t));
inline constexpr Index kRandomWords = 4 * kCounters;

/// a >> 32 in every lane; the compilers' own shift of vectors.
[[gnu::always_inline]] inline Words upper(Words a) {
  using Unsigned __attribute__((vector_size(sizeof(Words)))) = std::uint64_t;
  return (Words)((Unsigned)a >> 32U);
}

/// The words of the blocks with the counters counter, counter + 1, … in their order. The upper
/// halves of the lanes hold rubbish that the multiplications pass over.
[[gnu::noinline]] inline void philox_words(const DropoutRule& rule, std::uint64_t counter,
                                           std::uint32_t* out) {
  std::uint64_t lane[kCounters];
  for (Index l = 0; l < kCounters; ++l) lane[l] = counter + static_cast<std::uint64_t>(l);
  Words x0;
  __builtin_memcpy(&x0, lane, sizeof(x0));
  Words x1 = upper(x0);
  Words x2 = splat_words(rule.stream);
  Words x3 = splat_words(rule.stream >> 32U);
  std::uint32_t k0 = static_cast<std::uint32_t>(rule.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(rule.seed >> 32U);
  for (int round = 0; round < 10; ++round) {
    const Words a = multiply_low(splat_words(0xD2511F53U), x0);
    const Words b = multiply_low(splat_words(0xCD9E8D57U), x2);
    x0 = upper(b) ^ x1 ^ splat_words(k0);
    x1 = b;
    x2 = upper(a) ^ x3 ^ splat_words(k1);
    x3 = a;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  std::uint64_t words[4][kCounters];
  __builtin_memcpy(words[0], &x0, sizeof(x0));
  __builtin_memcpy(words[1], &x1, sizeof(x1));
  __builtin_memcpy(words[2], &x2, sizeof(x2));
  __builtin_memcpy(words[3], &x3, sizeof(x3));
  for (Index l = 0; l < kCounters; ++l) {
    for (Index w = 0; w < 4; ++w) out[4 * l + w] = static_cast<std::uint32_t>(words[w][l]);
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
