// SPDX-License-Identifier: MIT
// Register tiles: a few rows by a panel of columns. Included by table.ipp once per instruction set.
// Every element is a chain of fma from zero in rising k.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline constexpr Index kPanelCols = kTileVecs * kLanes;

/// W vectors side by side, and R rows of them. Nested instead of arrays: the compiler then keeps
/// them in registers without having to unroll anything.
template <int W>
struct Lanes {
  Lanes<W - 1> rest;
  Vec last;
};
template <>
struct Lanes<0> {};
template <int R, int W>
struct Tile {
  Tile<R - 1, W> rest;
  Lanes<W> last;
};
template <int W>
struct Tile<0, W> {};

template <int W>
[[gnu::always_inline]] inline void set_zero(Lanes<W>& x) {
  if constexpr (W > 0) {
    set_zero(x.rest);
    x.last = splat(0);
  }
}
template <int W>
[[gnu::always_inline]] inline void load_lanes(Lanes<W>& x, const Real* p) {
  if constexpr (W > 0) {
    load_lanes(x.rest, p);
    x.last = load(p + (W - 1) * kLanes);
  }
}
template <int W>
[[gnu::always_inline]] inline void store_lanes(const Lanes<W>& x, Real* p) {
  if constexpr (W > 0) {
    store_lanes(x.rest, p);
    store(p + (W - 1) * kLanes, x.last);
  }
}
template <int W>
[[gnu::always_inline]] inline void add_lanes(Lanes<W>& x, const Lanes<W>& y) {
  if constexpr (W > 0) {
    add_lanes(x.rest, y.rest);
    x.last = y.last + x.last;
  }
}
/// What a chain adds to a sum: a · b.
struct Fma {
  [[gnu::always_inline]] static inline Vec add(Vec a, Vec b, Vec sum) { return fma(a, b, sum); }
};
template <class Term = Fma, int W>
[[gnu::always_inline]] inline void fma_lanes(Lanes<W>& sum, Vec a, const Lanes<W>& b) {
  if constexpr (W > 0) {
    fma_lanes<Term>(sum.rest, a, b.rest);
    sum.last = Term::add(a, b.last, sum.last);
  }
}

template <int R, int W>
[[gnu::always_inline]] inline void set_zero(Tile<R, W>& t) {
  if constexpr (R > 0) {
    set_zero(t.rest);
    set_zero(t.last);
  }
}
template <int R, int W>
[[gnu::always_inline]] inline void load_tile(Tile<R, W>& t, const Real* p, Index stride) {
  if constexpr (R > 0) {
    load_tile(t.rest, p, stride);
    load_lanes(t.last, p + (R - 1) * stride);
  }
}
template <int R, int W>
[[gnu::always_inline]] inline void store_tile(const Tile<R, W>& t, Real* p, Index stride) {
  if constexpr (R > 0) {
    store_tile(t.rest, p, stride);
    store_lanes(t.last, p + (R - 1) * stride);
  }
}
/// t = what is at p, plus t.
template <int R, int W>
[[gnu::always_inline]] inline void add_tile(Tile<R, W>& t, const Real* p, Index stride) {
  if constexpr (R > 0) {
    add_tile(t.rest, p, stride);
    Lanes<W> old;
    load_lanes(old, p + (R - 1) * stride);
    add_lanes(t.last, old);
  }
}
/// One k: t(r, ·) += a[r] · b.
template <class Term = Fma, int R, int W>
[[gnu::always_inline]] inline void fma_tile(Tile<R, W>& t, const Real* a, const Lanes<W>& b) {
  if constexpr (R > 0) {
    fma_tile<Term>(t.rest, a, b);
    fma_lanes<Term>(t.last, splat(a[R - 1]), b);
  }
}

/// What a register tile does with c: c = sum, c = c + sum, or c itself starts the chain.
enum class Into { store, add, chain };

/// c(r, j) for r < rows and j < cols <= kPanelCols, from a[k · a_step + r] and b[k · b_step + j].
/// With `half`, b is bfloat16: rows 2k and 2k + 1 are interleaved at half[k · b_step + 2 j].
struct Micro {
  const Real* a;
  Index a_step;
  const Real* b;
  Index depth;
  Real* c;
  Index c_stride;
  Index cols;
  Into into;
  Index b_step = kPanelCols;
  const bfloat16* half = nullptr;
  const Real* bias = nullptr;  ///< with Into::store: what is added to every row
};

/// Panels come from memory in the first pass over them: rows of b that are asked for this much
/// ahead, several pages, where the hardware does not look.
inline constexpr Index kStreamAhead = 64;

/// The chains over a b of Real, or of what a Term takes in its place.
template <class Term>
struct PanelStep {
  template <int R>
  [[gnu::always_inline]] static inline void walk(Tile<R, kTileVecs>& sum, const Micro& m) {
    const Real* a = m.a;
    const Real* b = m.b;
#pragma GCC unroll 2
    for (Index k = m.depth; k > 0; --k) {
      Lanes<kTileVecs> lanes;
      load_lanes(lanes, b);
      __builtin_prefetch(b + kStreamAhead * m.b_step);
      __builtin_prefetch(b + kStreamAhead * m.b_step + kPanelCols / 2);
      fma_tile<Term>(sum, a, lanes);
      a += m.a_step;
      b += m.b_step;
    }
  }
};
using FullStep = PanelStep<Fma>;

template <int W>
[[gnu::always_inline]] inline void load_low_lanes(Lanes<W>& x, const bfloat16* p) {
  if constexpr (W > 0) {
    load_low_lanes(x.rest, p);
    x.last = load_low(p + 2 * (W - 1) * kLanes);
  }
}
template <int W>
[[gnu::always_inline]] inline void load_high_lanes(Lanes<W>& x, const bfloat16* p) {
  if constexpr (W > 0) {
    load_high_lanes(x.rest, p);
    x.last = load_high(p + 2 * (W - 1) * kLanes);
  }
}

/// The chains over a b of bfloat16, widened.
struct HalfStep {
  template <int R>
  [[gnu::always_inline]] static inline void walk(Tile<R, kTileVecs>& sum, const Micro& m) {
    const Real* a = m.a;
    const bfloat16* b = m.half;
    Lanes<kTileVecs> lanes;
    for (Index k = m.depth; k > 1; k -= 2) {
      load_low_lanes(lanes, b);
      fma_tile(sum, a, lanes);
      load_high_lanes(lanes, b);
      fma_tile(sum, a + m.a_step, lanes);
      a += 2 * m.a_step;
      b += m.b_step;
    }
    if (m.depth % 2 == 0) return;
    load_low_lanes(lanes, b);
    fma_tile(sum, a, lanes);
  }
};

template <class Step, int R>
[[gnu::noinline]] inline void micro_full(const Micro& m) {
  Tile<R, kTileVecs> sum;
  if (m.into == Into::chain) {
    load_tile(sum, m.c, m.c_stride);
  } else {
    set_zero(sum);
  }
  for (Index r = 0; r < R; ++r) {  // c is needed when the loop is done
    __builtin_prefetch(m.c + r * m.c_stride);
    __builtin_prefetch(m.c + r * m.c_stride + kPanelCols - 1);
  }
  Step::walk(sum, m);
  if (m.into == Into::add) add_tile(sum, m.c, m.c_stride);
  if (m.bias != nullptr) add_tile(sum, m.bias, 0);
  store_tile(sum, m.c, m.c_stride);
}

template <class Step, int R>
inline void micro_rows(const Micro& m, Index rows) {
  if constexpr (R > 1) {
    if (rows != R) {
      micro_rows<Step, R - 1>(m, rows);
      return;
    }
  }
  micro_full<Step, R>(m);
}

/// Copies the first `cols` columns.
[[gnu::noinline]] inline void copy_tile(const Real* from, Index from_stride, Real* to,
                                        Index to_stride, Index rows, Index cols) {
  for (Index r = 0; r < rows; ++r) {
    for (Index j = 0; j < cols; j += kLanes) {
      const Index n = cols - j < kLanes ? cols - j : kLanes;
      store_part(to + r * to_stride + j, load_part(from + r * from_stride + j, n), n);
    }
  }
}

/// The tile of m with `rows` (1 to kTileRows) rows; one with fewer columns goes through a copy.
template <class Step = FullStep>
[[gnu::noinline]] inline void micro(const Micro& m, Index rows) {
  if (m.cols == kPanelCols) {
    micro_rows<Step, kTileRows>(m, rows);
    return;
  }
  alignas(64) Real edge[kTileRows * kPanelCols] = {};
  alignas(64) Real bias[kPanelCols] = {};
  Micro inner = m;
  inner.c = edge;
  inner.c_stride = kPanelCols;
  if (m.into != Into::store) copy_tile(m.c, m.c_stride, edge, kPanelCols, rows, m.cols);
  if (m.bias != nullptr) {
    copy_tile(m.bias, 0, bias, 0, 1, m.cols);
    inner.bias = bias;
  }
  micro_rows<Step, kTileRows>(inner, rows);
  copy_tile(edge, kPanelCols, m.c, m.c_stride, rows, m.cols);
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
