// SPDX-License-Identifier: MIT
// Element-wise kernels and row sums. Included by table.ipp once per instruction set. The last
// elements of a row go through partial loads and the same arithmetic as the others.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

/// How many of the n elements from i on fit a vector.
[[gnu::always_inline]] inline Index lanes_at(Index i, Index n) {
  return n - i < kLanes ? n - i : kLanes;
}
[[gnu::always_inline]] inline Vec load_n(const Real* p, Index n) {
  return n == kLanes ? load(p) : load_part(p, n);
}
[[gnu::always_inline]] inline void store_n(Real* p, Vec v, Index n) {
  if (n == kLanes) {
    store(p, v);
  } else {
    store_part(p, v, n);
  }
}
/// The first n lanes, zeros after them.
inline Vec keep_lanes(Vec v, Index n) {
  if (n == kLanes) return v;
  alignas(64) Real lane[kLanes];
  store(lane, v);
  return load_part(lane, n);
}

inline void exp_row(Index n, const Real* x, Real* y) {
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    store_n(y + i, exp(load_n(x + i, m)), m);
  }
}

// gelu_new(x) = x/2 · (1 + tanh(u)) = x · σ(2u), without cancellation for negative x:
// 2u = x · (kGeluA + kGeluB · x²), kGeluA = 2 · √(2/π), kGeluB = 0.044715 · kGeluA.
inline constexpr double kGeluA = 1.5957691216057307;
inline constexpr double kGeluB = 0.071354816272600255;

inline void gelu_new_row(Index n, const Real* x, Real* y) {
  const Vec a = splat(static_cast<Real>(kGeluA));
  const Vec b = splat(static_cast<Real>(kGeluB));
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    const Vec v = load_n(x + i, m);
    const Vec e = exp(splat(0) - v * fma(b, v * v, a));
    store_n(y + i, v / (splat(1) + e), m);
  }
}

/// With s = σ(2u) and e = exp(−2u), 1 − s = e · s: slope = s + x · s · e · s · (2u)'.
inline void gelu_new_backward_row(Index n, const Real* x, const Real* dy, Real* dx,
                                  bool accumulate) {
  const Vec a = splat(static_cast<Real>(kGeluA));
  const Vec b = splat(static_cast<Real>(kGeluB));
  const Vec b3 = splat(static_cast<Real>(3.0 * kGeluB));
  // Further out the slope is 0 or 1; up to here e does not overflow.
  const Vec limit = splat(sizeof(Real) == 4 ? 10 : 20);
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    const Vec v = max(splat(0) - limit, min(limit, load_n(x + i, m)));
    const Vec e = exp(splat(0) - v * fma(b, v * v, a));
    const Vec s = splat(1) / (splat(1) + e);
    const Vec slope = fma(v * s * (e * s), fma(b3, v * v, a), s);
    const Vec before = accumulate ? load_n(dx + i, m) : splat(0);
    store_n(dx + i, fma(slope, load_n(dy + i, m), before), m);
  }
}

inline void add_scaled_row(Index n, Real a, const Real* x, Real* y) {
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    store_n(y + i, fma(splat(a), load_n(x + i, m), load_n(y + i, m)), m);
  }
}

inline void multiply_row(Index n, const Real* x, const Real* y, Real* z, bool accumulate) {
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    const Vec a = load_n(x + i, m);
    const Vec b = load_n(y + i, m);
    store_n(z + i, accumulate ? fma(a, b, load_n(z + i, m)) : a * b, m);
  }
}

[[gnu::noinline]] inline void affine_row(Index n, Real a, Real b, Real* x) {
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    store_n(x + i, fma(splat(a), load_n(x + i, m), splat(b)), m);
  }
}

inline void norm_row(NormRow<Real>& row) {
  const double size = static_cast<double>(row.size);
  Wide sum = wide_zero();
  for (Index i = 0; i < row.size && row.centered; i += kLanes) {
    sum = wide_add(sum, load_n(row.x + i, lanes_at(i, row.size)));
  }
  row.mean = static_cast<Real>(wide_sum(sum) / size);
  const Vec mean = splat(row.mean);
  sum = wide_zero();
  for (Index i = 0; i < row.size; i += kLanes) {
    const Index m = lanes_at(i, row.size);
    const Vec d = keep_lanes(load_n(row.x + i, m) - mean, m);
    sum = wide_fma(d, d, sum);
  }
  row.rstd = static_cast<Real>(1.0 / __builtin_sqrt(wide_sum(sum) / size + row.eps));
  const Vec rstd = splat(row.rstd);
  for (Index i = 0; i < row.size; i += kLanes) {
    const Index m = lanes_at(i, row.size);
    Vec v = (load_n(row.x + i, m) - mean) * rstd;
    if (row.weight != nullptr) v = v * load_n(row.weight + i, m);
    if (row.bias != nullptr) v = v + load_n(row.bias + i, m);
    store_n(row.y + i, v, m);
  }
}

/// dx += rstd · (g − mean(g) − x̂ · mean(g ⊙ x̂)), g = dy ⊙ weight, x̂ = (x − mean) · rstd.
inline void norm_backward_row(const NormBackwardRow<Real>& row) {
  const double size = static_cast<double>(row.size);
  const Vec mean = splat(row.mean);
  const Vec rstd = splat(row.rstd);
  Wide sum = wide_zero();
  Wide product = wide_zero();
  for (Index i = 0; i < row.size; i += kLanes) {
    const Index m = lanes_at(i, row.size);
    Vec g = load_n(row.dy + i, m);
    if (row.weight != nullptr) g = g * load_n(row.weight + i, m);
    sum = wide_add(sum, g);
    product = wide_fma(g, keep_lanes((load_n(row.x + i, m) - mean) * rstd, m), product);
  }
  const Vec mean_g = splat(row.centered ? static_cast<Real>(wide_sum(sum) / size) : 0);
  const Vec mean_gx = splat(static_cast<Real>(wide_sum(product) / size));
  for (Index i = 0; i < row.size; i += kLanes) {
    const Index m = lanes_at(i, row.size);
    Vec g = load_n(row.dy + i, m);
    if (row.weight != nullptr) g = g * load_n(row.weight + i, m);
    const Vec normed = (load_n(row.x + i, m) - mean) * rstd;
    const Vec d = g - mean_g - normed * mean_gx;
    store_n(row.dx + i, fma(d, rstd, load_n(row.dx + i, m)), m);
  }
}

/// dweight += dy ⊙ x̂ and dbias += dy, one row's share.
inline void norm_gradients_row(const NormBackwardRow<Real>& row) {
  const Vec mean = splat(row.mean);
  const Vec rstd = splat(row.rstd);
  for (Index i = 0; i < row.size; i += kLanes) {
    const Index m = lanes_at(i, row.size);
    const Vec dy = load_n(row.dy + i, m);
    if (row.dweight != nullptr) {
      const Vec normed = (load_n(row.x + i, m) - mean) * rstd;
      store_n(row.dweight + i, fma(dy, normed, load_n(row.dweight + i, m)), m);
    }
    if (row.dbias != nullptr) store_n(row.dbias + i, load_n(row.dbias + i, m) + dy, m);
  }
}

/// The largest element; NaN are passed over, −∞ for none.
[[gnu::noinline]] inline Real row_maximum(Index n, const Real* x) {
  Vec top = splat(-__builtin_inff());
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) top = max(load(x + i), top);
  alignas(64) Real lane[kLanes];
  store(lane, top);
  Real best = lane[0];
  for (Index j = 1; j < kLanes; ++j) best = lane[j] > best ? lane[j] : best;
  for (; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

/// The first element from `begin` on that is not less than the limit (NaN is not); n for none.
inline Index find_not_less(Index begin, Index n, const Real* x, Real limit) {
  const Vec bound = splat(limit);
  Index i = begin;
  for (; i + kLanes <= n; i += kLanes) {
    if (all_less(load(x + i), bound)) continue;
    while (x[i] < limit) ++i;
    return i;
  }
  while (i < n && x[i] < limit) ++i;
  return i;
}

[[gnu::noinline]] inline LogitSums logit_sums_row(Index n, Real* x, bool keep) {
  const Real top = row_maximum(n, x);
  Wide sum = wide_zero();
  Wide total = wide_zero();
  for (Index i = 0; i < n; i += kLanes) {
    const Index m = lanes_at(i, n);
    const Vec v = load_n(x + i, m);
    const Vec e = keep_lanes(exp(v - splat(top)), m);
    sum = wide_add(sum, e);
    total = wide_add(total, v);
    if (keep) store_n(x + i, e, m);
  }
  return {static_cast<double>(top), wide_sum(sum), wide_sum(total)};
}

inline void adamw_row(Index n, const AdamWStep<Real>& step, const Real* gradient, Real* m, Real* v,
                      Real* value) {
  for (Index i = 0; i < n; i += kLanes) {
    const Index count = lanes_at(i, n);
    const Vec g = load_n(gradient + i, count) * splat(step.gradient_scale);
    const Vec first = fma(splat(step.beta1), load_n(m + i, count), splat(step.rest1) * g);
    const Vec second = fma(splat(step.beta2), load_n(v + i, count), splat(step.rest2) * g * g);
    const Vec p = load_n(value + i, count) * splat(step.decay);
    const Vec root = fma(sqrt(second), splat(step.root), splat(step.epsilon));
    store_n(m + i, first, count);
    store_n(v + i, second, count);
    store_n(value + i, p - splat(step.step) * first / root, count);
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
