// SPDX-License-Identifier: MIT
// Eight floats. Included by table.ipp inside an AVX2 and FMA region.

namespace solo::inline SOLO_ABI::isa::avx2 {

using Real = float;
using Vec = __m256;
inline constexpr Index kLanes = 8;
inline constexpr int kTileRows = 6;  ///< 12 accumulators of the 16 registers
inline constexpr int kTileVecs = 2;

inline __m256i mask_of(Index n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline Vec splat(Real x) {
  return _mm256_set1_ps(x);
}
inline Vec load(const Real* p) {
  return _mm256_loadu_ps(p);
}
inline void store(Real* p, Vec v) {
  _mm256_storeu_ps(p, v);
}
/// The first n (0 to kLanes) elements, zeros after them.
inline Vec load_part(const Real* p, Index n) {
  return _mm256_maskload_ps(p, mask_of(n));
}
inline void store_part(Real* p, Vec v, Index n) {
  _mm256_maskstore_ps(p, mask_of(n), v);
}
/// The first, and the second, of kLanes pairs of bfloat16.
inline Vec load_low(const bfloat16* p) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
inline Vec load_high(const bfloat16* p) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i upper = _mm256_set1_epi32(static_cast<int>(0xFFFF0000U));
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, upper));
}

inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
inline Vec min(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
/// Whether every element of a is less than the one of b.
inline bool all_less(Vec a, Vec b) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)) == 0xFF;
}
inline Vec sqrt(Vec a) {
  return _mm256_sqrt_ps(a);
}
inline Vec round(Vec a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// 2^n for n in [-126, 127].
inline Vec power(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
/// a · 2^n for whole n in [-252, 254], gradual underflow and overflow to infinity included.
inline Vec scale_by_power(Vec a, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  return a * power(half) * power(_mm256_sub_epi32(whole, half));
}

/// The first n lanes, zeros after them.
inline Vec keep_lanes(Vec v, Index n) {
  return _mm256_and_ps(v, _mm256_castsi256_ps(mask_of(n)));
}
/// The largest lane; none is NaN.
inline Real lanes_maximum(Vec v) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// Integers, for random bits: 64-bit lanes.
using Words = __m256i;
inline Words splat_words(std::uint64_t x) {
  return _mm256_set1_epi64x(static_cast<long long>(x));
}
/// The product of the lower halves.
inline Words multiply_low(Words a, Words b) {
  return _mm256_mul_epu32(a, b);
}
/// The even, and the odd, lanes of a, each followed by the same of b.
inline Words zip_even(Words a, Words b) {
  return _mm256_unpacklo_epi64(a, b);
}
inline Words zip_odd(Words a, Words b) {
  return _mm256_unpackhi_epi64(a, b);
}
/// `factor` where the upper 24 bits of a word reach the threshold, else 0.
inline Vec keep_factors(const std::uint32_t* word, std::uint32_t threshold, Real factor) {
  const __m256i bits =
      _mm256_srli_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(word)), 8);
  const __m256i limit = _mm256_set1_epi32(static_cast<int>(threshold) - 1);
  return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(bits, limit)), splat(factor));
}

/// A sum of vectors in double.
struct Wide {
  __m256d lo;
  __m256d hi;
};
inline Wide wide_zero() {
  return {_mm256_setzero_pd(), _mm256_setzero_pd()};
}
inline Wide widen(Vec v) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
}
inline Wide wide_add(Wide sum, Vec v) {
  const Wide w = widen(v);
  return {sum.lo + w.lo, sum.hi + w.hi};
}
inline Wide wide_fma(Vec a, Vec b, Wide sum) {
  const Wide x = widen(a);
  const Wide y = widen(b);
  return {_mm256_fmadd_pd(x.lo, y.lo, sum.lo), _mm256_fmadd_pd(x.hi, y.hi, sum.hi)};
}
inline double wide_sum(Wide sum) {
  double lane[4];
  _mm256_storeu_pd(lane, sum.lo + sum.hi);
  return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

inline Vec quads_low(Vec a, Vec b) {
  return _mm256_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0));
}
inline Vec quads_high(Vec a, Vec b) {
  return _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2));
}

/// out[c] holds column c of four rows and, beside it, column 4 + c.
inline void transpose_half(const Vec* row, Vec* out) {
  const Vec a = _mm256_unpacklo_ps(row[0], row[1]);
  const Vec b = _mm256_unpackhi_ps(row[0], row[1]);
  const Vec c = _mm256_unpacklo_ps(row[2], row[3]);
  const Vec d = _mm256_unpackhi_ps(row[2], row[3]);
  out[0] = quads_low(a, c);
  out[1] = quads_high(a, c);
  out[2] = quads_low(b, d);
  out[3] = quads_high(b, d);
}

/// Transposes a kLanes × kLanes tile held as rows.
inline void transpose(Vec* tile) {
  Vec low[4];
  Vec high[4];
  transpose_half(tile, low);
  transpose_half(tile + 4, high);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    tile[i] = _mm256_permute2f128_ps(low[i], high[i], 0x20);
    tile[i + 4] = _mm256_permute2f128_ps(low[i], high[i], 0x31);
  }
}

}  // namespace solo::inline SOLO_ABI::isa::avx2
