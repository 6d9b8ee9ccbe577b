// SPDX-License-Identifier: MIT
// exp of floats, after Cephes' expf. Included by table.ipp for the instruction sets with fma.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

/// Within 2 ulp; NaN stays NaN, −∞ gives 0, above 88.72 infinity.
inline Vec exp(Vec x) {
  // Beyond these limits the result is 0 or infinity; NaN, as second argument, passes.
  x = max(splat(-105.0F), min(splat(89.0F), x));
  const Vec n = round(x * splat(1.44269504088896341F));
  Vec r = fma(n, splat(-0.693359375F), x);
  r = fma(n, splat(2.12194440e-4F), r);
  Vec p = splat(1.9875691500e-4F);
  p = fma(p, r, splat(1.3981999507e-3F));
  p = fma(p, r, splat(8.3334519073e-3F));
  p = fma(p, r, splat(4.1665795894e-2F));
  p = fma(p, r, splat(1.6666665459e-1F));
  p = fma(p, r, splat(5.0000001201e-1F));
  p = fma(p, r * r, r) + splat(1.0F);
  return scale_by_power(p, n);
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
