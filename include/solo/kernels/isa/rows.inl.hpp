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

/// f(i, m) for the vectors at i of n elements, of which m count: kLanes but for the last one.
template <class F>
[[gnu::always_inline]] inline void for_vectors(Index n, const F& f) {
  Index i = 0;
#pragma GCC unroll 4
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}

/// Two vectors that are summed side by side.
struct Two {
  Vec first;
  Vec second;
};
[[gnu::always_inline]] inline Two operator+(Two a, Two b) {
  return {a.first + b.first, a.second + b.second};
}
struct WideTwo {
  Wide first = wide_zero();
  Wide second = wide_zero();
};
[[gnu::always_inline]] inline WideTwo wide_add(const WideTwo& sum, Two v) {
  return {wide_add(sum.first, v.first), wide_add(sum.second, v.second)};
}

/// sum += f(i, m) over the vectors of n elements, in one order whatever n: four vectors are added
/// in Real, the fours in double. That costs a quarter of the conversions, and two roundings of
/// terms of like size.
template <class Sum, class F>
[[gnu::always_inline]] inline Sum sum_vectors(Index n, Sum sum, const F& f) {
  Index i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    const auto a = f(i, kLanes);
    const auto b = f(i + kLanes, kLanes);
    const auto c = f(i + 2 * kLanes, kLanes);
    const auto d = f(i + 3 * kLanes, kLanes);
    sum = wide_add(sum, (a + b) + (c + d));
  }
  for (; i + kLanes <= n; i += kLanes) sum = wide_add(sum, f(i, kLanes));
  if (i < n) sum = wide_add(sum, f(i, n - i));
  return sum;
}

inline void exp_row(Index n, const Real* x, Real* y) {
  for_vectors(
      n, [&](Index i, Index m)
             __attribute__((always_inline)) { store_n(y + i, exp(load_n(x + i, m)), m); });
}

// gelu_new(x) = x/2 · (1 + tanh(u)) = x · σ(2u), without cancellation for negative x:
// 2u = x · (kGeluA + kGeluB · x²), kGeluA = 2 · √(2/π), kGeluB = 0.044715 · kGeluA.
inline constexpr double kGeluA = 1.5957691216057307;
inline constexpr double kGeluB = 0.071354816272600255;

inline void gelu_new_row(Index n, const Real* x, Real* y) {
  const Vec a = splat(static_cast<Real>(kGeluA));
  const Vec b = splat(static_cast<Real>(kGeluB));
  for_vectors(
      n, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec v = load_n(x + i, m);
        const Vec e = exp(splat(0) - v * fma(b, v * v, a));
        store_n(y + i, v / (splat(1) + e), m);
      });
}

/// With s = σ(2u) and e = exp(−2u), 1 − s = e · s: slope = s + x · s · e · s · (2u)'.
inline void gelu_new_backward_row(Index n, const Real* x, const Real* dy, Real* dx,
                                  bool accumulate) {
  const Vec a = splat(static_cast<Real>(kGeluA));
  const Vec b = splat(static_cast<Real>(kGeluB));
  const Vec b3 = splat(static_cast<Real>(3.0 * kGeluB));
  // Further out the slope is 0 or 1; up to here e does not overflow.
  const Vec limit = splat(sizeof(Real) == 4 ? 10 : 20);
  for_vectors(
      n, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec v = max(splat(0) - limit, min(limit, load_n(x + i, m)));
        const Vec e = exp(splat(0) - v * fma(b, v * v, a));
        const Vec s = splat(1) / (splat(1) + e);
        const Vec slope = fma(v * s * (e * s), fma(b3, v * v, a), s);
        const Vec before = accumulate ? load_n(dx + i, m) : splat(0);
        store_n(dx + i, fma(slope, load_n(dy + i, m), before), m);
      });
}

inline void add_scaled_row(Index n, Real a, const Real* x, Real* y) {
  for_vectors(
      n, [&](Index i, Index m) __attribute__((always_inline)) {
        store_n(y + i, fma(splat(a), load_n(x + i, m), load_n(y + i, m)), m);
      });
}

inline void multiply_row(Index n, const Real* x, const Real* y, Real* z, bool accumulate) {
  for_vectors(
      n, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec a = load_n(x + i, m);
        const Vec b = load_n(y + i, m);
        store_n(z + i, accumulate ? fma(a, b, load_n(z + i, m)) : a * b, m);
      });
}

[[gnu::noinline]] inline void affine_row(Index n, Real a, Real b, Real* x) {
  for_vectors(
      n, [&](Index i, Index m) __attribute__((always_inline)) {
        store_n(x + i, fma(splat(a), load_n(x + i, m), splat(b)), m);
      });
}

inline void norm_row(NormRow<Real>& row) {
  const double size = static_cast<double>(row.size);
  row.mean = 0;
  if (row.centered) {
    const Wide sum = sum_vectors(
        row.size, wide_zero(), [&](Index i, Index m) __attribute__((always_inline)) {
          return load_n(row.x + i, m);
        });
    row.mean = static_cast<Real>(wide_sum(sum) / size);
  }
  const Vec mean = splat(row.mean);
  const Wide squares = sum_vectors(
      row.size, wide_zero(), [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec d = keep_lanes(load_n(row.x + i, m) - mean, m);
        return d * d;
      });
  row.rstd = static_cast<Real>(1.0 / __builtin_sqrt(wide_sum(squares) / size + row.eps));
  const Vec rstd = splat(row.rstd);
  for_vectors(
      row.size, [&](Index i, Index m) __attribute__((always_inline)) {
        Vec v = (load_n(row.x + i, m) - mean) * rstd;
        if (row.weight != nullptr) v = v * load_n(row.weight + i, m);
        if (row.bias != nullptr) v = v + load_n(row.bias + i, m);
        store_n(row.y + i, v, m);
      });
}

/// dx += rstd · (g − mean(g) − x̂ · mean(g ⊙ x̂)), g = dy ⊙ weight, x̂ = (x − mean) · rstd.
inline void norm_backward_row(const NormBackwardRow<Real>& row) {
  const double size = static_cast<double>(row.size);
  const Vec mean = splat(row.mean);
  const Vec rstd = splat(row.rstd);
  const auto gradient = [&](Index i, Index m) __attribute__((always_inline)) {
    const Vec dy = load_n(row.dy + i, m);
    return row.weight == nullptr ? dy : dy * load_n(row.weight + i, m);
  };
  const auto normed = [&](Index i, Index m) __attribute__((always_inline)) {
    return (load_n(row.x + i, m) - mean) * rstd;
  };
  const WideTwo sums = sum_vectors(
      row.size, WideTwo{}, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec g = gradient(i, m);
        return Two{g, g * keep_lanes(normed(i, m), m)};
      });
  const Vec mean_g = splat(row.centered ? static_cast<Real>(wide_sum(sums.first) / size) : 0);
  const Vec mean_gx = splat(static_cast<Real>(wide_sum(sums.second) / size));
  for_vectors(
      row.size, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec d = gradient(i, m) - mean_g - normed(i, m) * mean_gx;
        store_n(row.dx + i, fma(d, rstd, load_n(row.dx + i, m)), m);
      });
}

/// dweight += dy ⊙ x̂ and dbias += dy, one row's share.
inline void norm_gradients_row(const NormBackwardRow<Real>& row) {
  const Vec mean = splat(row.mean);
  const Vec rstd = splat(row.rstd);
  for_vectors(
      row.size, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec dy = load_n(row.dy + i, m);
        if (row.dweight != nullptr) {
          const Vec normed = (load_n(row.x + i, m) - mean) * rstd;
          store_n(row.dweight + i, fma(dy, normed, load_n(row.dweight + i, m)), m);
        }
        if (row.dbias != nullptr) store_n(row.dbias + i, load_n(row.dbias + i, m) + dy, m);
      });
}

/// The largest scale · x; NaN are passed over, −∞ for none.
[[gnu::always_inline]] inline Real scaled_maximum(Index n, Real scale, const Real* x) {
  const Vec factor = splat(scale);
  Vec top = splat(-__builtin_inff());
  Vec b = top;
  Vec c = top;
  Vec d = top;
  Index i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    top = max(load(x + i) * factor, top);
    b = max(load(x + i + kLanes) * factor, b);
    c = max(load(x + i + 2 * kLanes) * factor, c);
    d = max(load(x + i + 3 * kLanes) * factor, d);
  }
  for (; i + kLanes <= n; i += kLanes) top = max(load(x + i) * factor, top);
  if (i < n && n >= kLanes) {  // some elements once more
    b = max(load(x + n - kLanes) * factor, b);
    i = n;
  }
  Real best = lanes_maximum(max(max(top, b), max(c, d)));
  for (; i < n; ++i) best = x[i] * scale > best ? x[i] * scale : best;
  return best;
}

[[gnu::noinline]] inline Real row_maximum(Index n, const Real* x) {
  return scaled_maximum(n, 1, x);
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
  const WideTwo sums = sum_vectors(
      n, WideTwo{}, [&](Index i, Index m) __attribute__((always_inline)) {
        const Vec v = load_n(x + i, m);
        const Vec e = keep_lanes(exp(v - splat(top)), m);
        if (keep) store_n(x + i, e, m);
        return Two{e, v};
      });
  return {static_cast<double>(top), wide_sum(sums.first), wide_sum(sums.second)};
}

inline void adamw_row(Index n, const AdamWStep<Real>& step, const Real* gradient, Real* m, Real* v,
                      Real* value) {
  for_vectors(
      n, [&](Index i, Index count) __attribute__((always_inline)) {
        const Vec g = load_n(gradient + i, count) * splat(step.gradient_scale);
        const Vec first = fma(splat(step.beta1), load_n(m + i, count), splat(step.rest1) * g);
        const Vec second = fma(splat(step.beta2), load_n(v + i, count), splat(step.rest2) * g * g);
        const Vec p = load_n(value + i, count) * splat(step.decay);
        const Vec root = fma(sqrt(second), splat(step.root), splat(step.epsilon));
        store_n(m + i, first, count);
        store_n(v + i, second, count);
        store_n(value + i, p - splat(step.step) * first / root, count);
      });
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
