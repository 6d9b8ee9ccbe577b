// SPDX-License-Identifier: MIT
// Sixteen bytes of SOLO_ISA_REAL as a vector of the compiler's own (SSE2, NEON or plain code).
// Included by table.ipp once for float and once for double.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

using Real = SOLO_ISA_REAL;
using Vec __attribute__((vector_size(16))) = Real;
inline constexpr Index kLanes = 16 / static_cast<Index>(sizeof(Real));
inline constexpr int kTileRows = 4;
inline constexpr int kTileVecs = 2;

inline Vec splat(Real x) {
  return x - Vec{};
}
/// The first n (0 to kLanes) elements, zeros after them.
inline Vec load_part(const Real* p, Index n) {
  Vec v{};
  for (Index i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
inline void store_part(Real* p, Vec v, Index n) {
  for (Index i = 0; i < n; ++i) p[i] = v[i];
}
inline Vec load(const Real* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof(v));
  return v;
}
inline void store(Real* p, Vec v) {
  __builtin_memcpy(p, &v, sizeof(v));
}
/// The first, and the second, of kLanes pairs of bfloat16.
inline Vec load_low(const bfloat16* p) {
  Vec v{};
  for (Index i = 0; i < kLanes; ++i) v[i] = static_cast<Real>(to_float(p[2 * i]));
  return v;
}
inline Vec load_high(const bfloat16* p) {
  return load_low(p + 1);
}

inline Vec fma(Vec a, Vec b, Vec c) {
  return a * b + c;
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return a > b ? a : b;
}
inline Vec min(Vec a, Vec b) {
  return a < b ? a : b;
}
/// Whether every element of a is less than the one of b.
inline bool all_less(Vec a, Vec b) {
  bool all = true;
  for (Index i = 0; i < kLanes; ++i) all = all && a[i] < b[i];
  return all;
}
inline Vec sqrt(Vec a) {
  for (Index i = 0; i < kLanes; ++i) a[i] = std::sqrt(a[i]);
  return a;
}
inline Vec exp(Vec a) {
  for (Index i = 0; i < kLanes; ++i) a[i] = std::exp(a[i]);
  return a;
}

/// The first n lanes, zeros after them.
inline Vec keep_lanes(Vec v, Index n) {
  for (Index i = n; i < kLanes; ++i) v[i] = 0;
  return v;
}
/// The largest lane; none is NaN.
inline Real lanes_maximum(Vec v) {
  Real best = v[0];
  for (Index i = 1; i < kLanes; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

/// Integers, for random bits: 64-bit lanes.
using Words __attribute__((vector_size(16))) = std::uint64_t;
inline Words splat_words(std::uint64_t x) {
  return Words{} + x;
}
/// The product of the lower halves.
inline Words multiply_low(Words a, Words b) {
  constexpr std::uint64_t kLow = 0xFFFFFFFFU;
  return (a & kLow) * (b & kLow);
}
/// The even, and the odd, lanes of a, each followed by the same of b.
inline Words zip_even(Words a, Words b) {
  return Words{a[0], b[0]};
}
inline Words zip_odd(Words a, Words b) {
  return Words{a[1], b[1]};
}
/// `factor` where the upper 24 bits of a word reach the threshold, else 0.
inline Vec keep_factors(const std::uint32_t* word, std::uint32_t threshold, Real factor) {
  Vec v{};
  for (Index i = 0; i < kLanes; ++i) v[i] = (word[i] >> 8U) >= threshold ? factor : 0;
  return v;
}

/// A sum of vectors in double.
struct Wide {
  double lane[kLanes];
};
inline Wide wide_zero() {
  return {};
}
inline Wide wide_add(Wide sum, Vec v) {
  for (Index i = 0; i < kLanes; ++i) sum.lane[i] += static_cast<double>(v[i]);
  return sum;
}
inline Wide wide_fma(Vec a, Vec b, Wide sum) {
  for (Index i = 0; i < kLanes; ++i) {
    sum.lane[i] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}
inline double wide_sum(Wide sum) {
  double total = 0.0;
  for (Index i = 0; i < kLanes; ++i) total += sum.lane[i];
  return total;
}

/// Transposes a kLanes × kLanes tile held as rows.
inline void transpose(Vec* tile) {
  for (Index i = 0; i < kLanes; ++i) {
    for (Index j = 0; j < i; ++j) {
      const Real x = tile[i][j];
      tile[i][j] = tile[j][i];
      tile[j][i] = x;
    }
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
