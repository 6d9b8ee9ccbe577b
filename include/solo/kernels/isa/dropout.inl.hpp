// SPDX-License-Identifier: MIT
// Dropout factors from Philox4x32-10, the same numbers as core/rng.hpp, one counter a 64-bit lane.
// Included by table.ipp once per instruction set.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline constexpr Index kCounters = static_cast<Index>(sizeof(Words) / sizeof(std::uint64_t));
inline constexpr Index kRandomWords = 2 * 4 * kCounters;

/// The compilers' own shifts of vectors, in every lane.
using Unsigned __attribute__((vector_size(sizeof(Words)))) = std::uint64_t;
[[gnu::always_inline]] inline Words upper(Words a) {
  return (Words)((Unsigned)a >> 32U);
}
/// The lower halves of a, and those of b above them.
[[gnu::always_inline]] inline Words join(Words a, Words b) {
  return (Words)(((Unsigned)a & 0xFFFFFFFFU) | ((Unsigned)b << 32U));
}

/// The state of kCounters blocks. The upper halves of the lanes hold rubbish that the
/// multiplications pass over.
struct PhiloxBlocks {
  Words x0;
  Words x1;
  Words x2;
  Words x3;

  /// Even lanes hold the first half of the counters: so the zips below leave them in order.
  [[gnu::always_inline]] inline PhiloxBlocks(const DropoutRule& rule, std::uint64_t counter) {
    std::uint64_t lane[kCounters];
    for (Index l = 0; l < kCounters; ++l) {
      lane[l] = counter + static_cast<std::uint64_t>(l % 2 * (kCounters / 2) + l / 2);
    }
    __builtin_memcpy(&x0, lane, sizeof(x0));
    x1 = upper(x0);
    x2 = splat_words(rule.stream);
    x3 = splat_words(rule.stream >> 32U);
  }
  [[gnu::always_inline]] inline void round(Words k0, Words k1) {
    const Words a = multiply_low(splat_words(0xD2511F53U), x0);
    const Words b = multiply_low(splat_words(0xCD9E8D57U), x2);
    x0 = upper(b) ^ x1 ^ k0;
    x1 = b;
    x2 = upper(a) ^ x3 ^ k1;
    x3 = a;
  }
  [[gnu::always_inline]] inline void store(std::uint32_t* out) const {
    const Words low = join(x0, x1);
    const Words high = join(x2, x3);
    const Words words[2] = {zip_even(low, high), zip_odd(low, high)};
    __builtin_memcpy(out, words, sizeof(words));
  }
};

/// The words of the blocks with the counters counter, counter + 1, … in their order; two at a time
/// hide the latencies.
[[gnu::noinline]] inline void philox_words(const DropoutRule& rule, std::uint64_t counter,
                                           std::uint32_t* out) {
  PhiloxBlocks first(rule, counter);
  PhiloxBlocks second(rule, counter + static_cast<std::uint64_t>(kCounters));
  std::uint32_t k0 = static_cast<std::uint32_t>(rule.seed);
  std::uint32_t k1 = static_cast<std::uint32_t>(rule.seed >> 32U);
  for (int i = 0; i < 10; ++i) {
    first.round(splat_words(k0), splat_words(k1));
    second.round(splat_words(k0), splat_words(k1));
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  first.store(out);
  second.store(out + 4 * kCounters);
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
