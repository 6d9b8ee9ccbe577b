// SPDX-License-Identifier: MIT
// Four floats. Included by table.ipp on AArch64, whose baseline has all of this.

namespace solo::inline SOLO_ABI::isa::neon {

using Real = float;
using Vec = float32x4_t;
inline constexpr Index kLanes = 4;
inline constexpr int kTileRows = 8;  ///< 16 accumulators of the 32 registers
inline constexpr int kTileVecs = 2;

inline Vec splat(Real x) {
  return vdupq_n_f32(x);
}
inline Vec load(const Real* p) {
  return vld1q_f32(p);
}
inline void store(Real* p, Vec v) {
  vst1q_f32(p, v);
}
/// The first n (0 to kLanes) elements, zeros after them.
inline Vec load_part(const Real* p, Index n) {
  Real lane[kLanes] = {};
  for (Index i = 0; i < n; ++i) lane[i] = p[i];
  return load(lane);
}
inline void store_part(Real* p, Vec v, Index n) {
  Real lane[kLanes];
  store(lane, v);
  for (Index i = 0; i < n; ++i) p[i] = lane[i];
}
/// The first, and the second, of kLanes pairs of bfloat16.
inline Vec load_low(const bfloat16* p) {
  uint32x4_t pairs;
  __builtin_memcpy(&pairs, p, sizeof(pairs));
  return vreinterpretq_f32_u32(vshlq_n_u32(pairs, 16));
}
inline Vec load_high(const bfloat16* p) {
  uint32x4_t pairs;
  __builtin_memcpy(&pairs, p, sizeof(pairs));
  return vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xFFFF0000U)));
}

inline Vec fma(Vec a, Vec b, Vec c) {
  return vfmaq_f32(c, a, b);
}
/// b where either is NaN.
inline Vec max(Vec a, Vec b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
inline Vec min(Vec a, Vec b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}
/// Whether every element of a is less than the one of b.
inline bool all_less(Vec a, Vec b) {
  return vminvq_u32(vcltq_f32(a, b)) != 0;
}
inline Vec sqrt(Vec a) {
  return vsqrtq_f32(a);
}
inline Vec round(Vec a) {
  return vrndnq_f32(a);
}
/// 2^n for n in [-126, 127].
inline Vec power(int32x4_t n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}
/// a · 2^n for whole n in [-252, 254], gradual underflow and overflow to infinity included.
inline Vec scale_by_power(Vec a, Vec n) {
  const int32x4_t whole = vcvtq_s32_f32(n);
  const int32x4_t half = vshrq_n_s32(whole, 1);
  return a * power(half) * power(vsubq_s32(whole, half));
}

/// The first n lanes, zeros after them.
inline Vec keep_lanes(Vec v, Index n) {
  Real lane[kLanes];
  store(lane, v);
  return load_part(lane, n);
}
/// The largest lane; none is NaN.
inline Real lanes_maximum(Vec v) {
  return vmaxvq_f32(v);
}

/// Integers, for random bits: 64-bit lanes.
using Words = uint64x2_t;
inline Words splat_words(std::uint64_t x) {
  return vdupq_n_u64(x);
}
/// The product of the lower halves.
inline Words multiply_low(Words a, Words b) {
  return vmull_u32(vmovn_u64(a), vmovn_u64(b));
}
/// The even, and the odd, lanes of a, each followed by the same of b.
inline Words zip_even(Words a, Words b) {
  return vtrn1q_u64(a, b);
}
inline Words zip_odd(Words a, Words b) {
  return vtrn2q_u64(a, b);
}
/// `factor` where the upper 24 bits of a word reach the threshold, else 0.
inline Vec keep_factors(const std::uint32_t* word, std::uint32_t threshold, Real factor) {
  const uint32x4_t kept = vcgeq_u32(vshrq_n_u32(vld1q_u32(word), 8), vdupq_n_u32(threshold));
  return vreinterpretq_f32_u32(vandq_u32(kept, vreinterpretq_u32_f32(splat(factor))));
}

/// A sum of vectors in double.
struct Wide {
  float64x2_t lo;
  float64x2_t hi;
};
inline Wide wide_zero() {
  return {vdupq_n_f64(0.0), vdupq_n_f64(0.0)};
}
inline Wide widen(Vec v) {
  return {vcvt_f64_f32(vget_low_f32(v)), vcvt_high_f64_f32(v)};
}
inline Wide wide_add(Wide sum, Vec v) {
  const Wide w = widen(v);
  return {sum.lo + w.lo, sum.hi + w.hi};
}
inline Wide wide_fma(Vec a, Vec b, Wide sum) {
  const Wide x = widen(a);
  const Wide y = widen(b);
  return {vfmaq_f64(sum.lo, x.lo, y.lo), vfmaq_f64(sum.hi, x.hi, y.hi)};
}
inline double wide_sum(Wide sum) {
  return vaddvq_f64(sum.lo + sum.hi);
}

/// Transposes a kLanes × kLanes tile held as rows.
inline void transpose(Vec* tile) {
  const float64x2_t a = vreinterpretq_f64_f32(vtrn1q_f32(tile[0], tile[1]));
  const float64x2_t b = vreinterpretq_f64_f32(vtrn2q_f32(tile[0], tile[1]));
  const float64x2_t c = vreinterpretq_f64_f32(vtrn1q_f32(tile[2], tile[3]));
  const float64x2_t d = vreinterpretq_f64_f32(vtrn2q_f32(tile[2], tile[3]));
  tile[0] = vreinterpretq_f32_f64(vtrn1q_f64(a, c));
  tile[1] = vreinterpretq_f32_f64(vtrn1q_f64(b, d));
  tile[2] = vreinterpretq_f32_f64(vtrn2q_f64(a, c));
  tile[3] = vreinterpretq_f32_f64(vtrn2q_f64(b, d));
}

}  // namespace solo::inline SOLO_ABI::isa::neon
