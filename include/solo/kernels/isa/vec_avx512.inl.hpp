// SPDX-License-Identifier: MIT
// Sixteen floats. Included by table.ipp inside an AVX-512 (F, BW, VL, DQ) region.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

using Real = float;
using Vec = __m512;
inline constexpr Index kLanes = 16;
inline constexpr int kTileRows = 12;  ///< 24 accumulators of the 32 registers
inline constexpr int kTileVecs = 2;

inline __mmask16 mask_of(Index n) {
  return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U);
}

inline Vec splat(Real x) {
  return _mm512_set1_ps(x);
}
inline Vec load(const Real* p) {
  return _mm512_loadu_ps(p);
}
inline void store(Real* p, Vec v) {
  _mm512_storeu_ps(p, v);
}
/// The first n (0 to kLanes) elements, zeros after them.
inline Vec load_part(const Real* p, Index n) {
  return _mm512_maskz_loadu_ps(mask_of(n), p);
}
inline void store_part(Real* p, Vec v, Index n) {
  _mm512_mask_storeu_ps(p, mask_of(n), v);
}
/// The first, and the second, of kLanes pairs of bfloat16.
inline Vec load_low(const bfloat16* p) {
  return _mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xFFFF, _mm512_loadu_si512(p), 16));
}
inline Vec load_high(const bfloat16* p) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xFFFF0000U));
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper));
}

inline Vec fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return _mm512_maskz_max_ps(0xFFFF, a, b);
}
inline Vec min(Vec a, Vec b) {
  return _mm512_maskz_min_ps(0xFFFF, a, b);
}
/// Whether every element of a is less than the one of b.
inline bool all_less(Vec a, Vec b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ) == 0xFFFF;
}
inline Vec sqrt(Vec a) {
  return _mm512_maskz_sqrt_ps(0xFFFF, a);
}
inline Vec round(Vec a) {
  return _mm512_maskz_roundscale_ps(0xFFFF, a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// a · 2^n for whole n, gradual underflow and overflow to infinity included.
inline Vec scale_by_power(Vec a, Vec n) {
  return _mm512_maskz_scalef_ps(0xFFFF, a, n);
}

/// The first n lanes, zeros after them.
inline Vec keep_lanes(Vec v, Index n) {
  return _mm512_maskz_mov_ps(mask_of(n), v);
}
/// The largest lane; none is NaN.
inline Real lanes_maximum(Vec v) {
  const __m256 eight = _mm256_max_ps(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                                     __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// Integers, for random bits: 64-bit lanes.
using Words = __m512i;
inline Words splat_words(std::uint64_t x) {
  return _mm512_set1_epi64(static_cast<long long>(x));
}
/// The product of the lower halves.
inline Words multiply_low(Words a, Words b) {
  return _mm512_maskz_mul_epu32(0xFF, a, b);
}
/// The even, and the odd, lanes of a, each followed by the same of b.
inline Words zip_even(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
}
inline Words zip_odd(Words a, Words b) {
  return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}
/// `factor` where the upper 24 bits of a word reach the threshold, else 0.
inline Vec keep_factors(const std::uint32_t* word, std::uint32_t threshold, Real factor) {
  const __m512i bits = _mm512_maskz_srli_epi32(0xFFFF, _mm512_loadu_si512(word), 8);
  const __m512i limit = _mm512_set1_epi32(static_cast<int>(threshold));
  return _mm512_maskz_mov_ps(_mm512_cmpge_epu32_mask(bits, limit), splat(factor));
}

/// A sum of vectors in double.
struct Wide {
  __m512d lo;
  __m512d hi;
};
inline Wide wide_zero() {
  return {_mm512_setzero_pd(), _mm512_setzero_pd()};
}
inline Wide widen(Vec v) {
  return {_mm512_maskz_cvtps_pd(0xFF, __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)),
          _mm512_maskz_cvtps_pd(0xFF, __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15))};
}
inline Wide wide_add(Wide sum, Vec v) {
  const Wide w = widen(v);
  return {sum.lo + w.lo, sum.hi + w.hi};
}
inline Wide wide_fma(Vec a, Vec b, Wide sum) {
  const Wide x = widen(a);
  const Wide y = widen(b);
  return {_mm512_fmadd_pd(x.lo, y.lo, sum.lo), _mm512_fmadd_pd(x.hi, y.hi, sum.hi)};
}
inline double wide_sum(Wide sum) {
  double lane[8];
  _mm512_storeu_pd(lane, sum.lo + sum.hi);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

inline Vec pairs_low(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
inline Vec pairs_high(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
inline Vec quads_low(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
}
inline Vec quads_high(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}
inline Vec even_blocks(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}
inline Vec odd_blocks(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/// Rows 4·quarter … of the transpose within 128-bit blocks: out[c] holds column c of the four rows,
/// for the columns c, 4 + c, 8 + c and 12 + c side by side.
inline void transpose_quarter(const Vec* row, Vec* out) {
  const Vec a = pairs_low(row[0], row[1]);
  const Vec b = pairs_high(row[0], row[1]);
  const Vec c = pairs_low(row[2], row[3]);
  const Vec d = pairs_high(row[2], row[3]);
  out[0] = quads_low(a, c);
  out[1] = quads_high(a, c);
  out[2] = quads_low(b, d);
  out[3] = quads_high(b, d);
}

/// One column modulo four of all sixteen rows: four finished columns.
inline void transpose_blocks(Vec a, Vec b, Vec c, Vec d, Vec* out) {
  const Vec even_low = even_blocks(a, b);
  const Vec even_high = even_blocks(c, d);
  const Vec odd_low = odd_blocks(a, b);
  const Vec odd_high = odd_blocks(c, d);
  out[0] = even_blocks(even_low, even_high);
  out[4] = even_blocks(odd_low, odd_high);
  out[8] = odd_blocks(even_low, even_high);
  out[12] = odd_blocks(odd_low, odd_high);
}

/// Transposes a kLanes × kLanes tile held as rows.
inline void transpose(Vec* tile) {
  Vec part[16];
  transpose_quarter(tile, part);
  transpose_quarter(tile + 4, part + 4);
  transpose_quarter(tile + 8, part + 8);
  transpose_quarter(tile + 12, part + 12);
  transpose_blocks(part[0], part[4], part[8], part[12], tile);
  transpose_blocks(part[1], part[5], part[9], part[13], tile + 1);
  transpose_blocks(part[2], part[6], part[10], part[14], tile + 2);
  transpose_blocks(part[3], part[7], part[11], part[15], tile + 3);
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
