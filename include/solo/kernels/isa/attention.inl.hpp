// SPDX-License-Identifier: MIT
// Attention of one (segment, head), kTileRows queries at a time: scores and weighted values are
// register-tile products over packed keys and values. Included by table.ipp once per instruction
// set. A query's result is the same chain of operations whichever queries share its tile, and
// whether a key lies before the segment or in it.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

inline Index round_up(Index n, Index step) {
  return (n + step - 1) / step * step;
}

/// Queries whose gradients of keys and values the backward adds at a time: few at once would spend
/// their time on loading and storing what they add to.
inline constexpr Index kBlockRows = 4 * kTileRows;

/// Where the pieces of a head's scratch lie.
struct HeadScratch {
  Index before;      ///< keys before the segment's own
  Index keys;        ///< before and own
  Index row;         ///< stride of score rows
  Index wide;        ///< dim in whole panels
  Index own_panels;  ///< elements of packed columns before the segment's own: the runs lie apart
  Real* key_cols;    ///< keys as panels over keys, dim deep
  Real* value_cols;  ///< values likewise (backward)
  Real* value_rows;  ///< values, or keys in the backward, as panels over dim, keys deep
  Real* scores;      ///< kBlockRows rows
  Real* slopes;      ///< kBlockRows rows (backward)
  Real* q_rows;      ///< queries as panels over dim
  Real* d_rows;

  Real* end;

  explicit HeadScratch(const AttentionHead<Real>& head) : before(head.before.length) {
    const Index dim = head.dim;
    Real* const p = head.scratch;
    keys = before + head.own.length;
    own_panels = round_up(before, kPanelCols) * dim;
    const Index panels = own_panels + round_up(head.own.length, kPanelCols) * dim;
    row = round_up(keys, kPanelCols) + kPanelCols;  // the last panel may begin anywhere
    wide = round_up(dim, kPanelCols);
    key_cols = p;
    value_cols = key_cols + panels;
    value_rows = value_cols + panels;
    scores = value_rows + wide * keys;
    slopes = scores + kBlockRows * row;
    q_rows = slopes + kBlockRows * row;
    d_rows = q_rows + wide * kBlockRows;
    end = d_rows + wide * kBlockRows;
  }
};

inline Index attention_scratch(Index keys, Index dim) {
  // One more panel than a single run of keys needs: the two runs may each end in a started one.
  const Index cols = round_up(keys, kPanelCols) + kPanelCols;
  const Index wide = round_up(dim, kPanelCols);
  return 2 * cols * dim + wide * keys + 2 * kBlockRows * (cols + wide);
}

/// Rows as panels of columns: the transpose, `dim` deep.
[[gnu::noinline]] inline void pack_cols(const Real* rows, Index stride, Index count, Index dim,
                                        Real* to) {
  if (count == 0) return;
  pack_panels<kPanelCols>(PackFrom<Real>{rows, 1, stride, dim, count, dim * kPanelCols}, to);
}
/// Rows as panels over dim, `depth` deep in all, of which these are the first `count`.
[[gnu::noinline]] inline void pack_rows(const Real* rows, Index stride, Index count, Index dim,
                                        Index depth, Real* to) {
  pack_panels<kPanelCols>(PackFrom<Real>{rows, stride, 1, count, dim, depth * kPanelCols}, to);
}
/// Up to kTileRows rows as a k-major tile.
[[gnu::noinline]] inline void pack_tile(const Real* rows, Index stride, Index count, Index dim,
                                        Real* to) {
  pack_panels<kTileRows>(PackFrom<Real>{rows, 1, stride, dim, count, 0}, to);
}

template <int R, int W>
[[gnu::always_inline]] inline void fma_rows(Tile<R, W>& t, const Real* const* a, Index step,
                                            const Lanes<W>& b) {
  if constexpr (R > 0) {
    fma_rows(t.rest, a, step, b);
    fma_lanes(t.last, splat(a[(R - 1) / 3][(R - 1) % 3 * step]), b);
  }
}

/// A step of `micro` that reads a where it lies, row by row: a(r, k) is a[r · a_step + k].
struct RowStep {
  template <int R>
  [[gnu::always_inline]] static inline void walk(Tile<R, kTileVecs>& sum, const Micro& m) {
    // A pointer serves three rows: at 0, step and 2 · step, which an address can express.
    constexpr int kPointers = (R + 2) / 3;
    const Index step = m.a_step;
    const Real* a[kPointers];
#pragma GCC unroll 4
    for (int i = 0; i < kPointers; ++i) a[i] = m.a + 3 * i * step;
    const Real* b = m.b;
    for (Index k = m.depth; k > 0; --k) {
      Lanes<kTileVecs> lanes;
      load_lanes(lanes, b);
      fma_rows(sum, a, step, lanes);
#pragma GCC unroll 4
      for (int i = 0; i < kPointers; ++i) ++a[i];
      b += m.b_step;
    }
  }
};

/// scores(r, j) = row r · packed column j, for the first `count` columns and up to a panel's end.
inline void rows_times_cols(const Real* a, Index a_stride, Index rows, const Real* cols,
                            Index count, Index dim, Real* scores, Index stride) {
  for (Index j = 0; j < count; j += kPanelCols) {
    micro<RowStep>({.a = a,
                    .a_step = a_stride,
                    .b = cols + j * dim,
                    .depth = dim,
                    .c = scores + j,
                    .c_stride = stride,
                    .cols = kPanelCols,
                    .into = Into::store},
                   rows);
  }
}

/// c(r, ·) from Σ_k a(r, k) · b(k, ·), b as panels over dim, `depth` of `panel_depth` k. a(r, k) is
/// a[r · a_step + k] with RowStep, a[k · a_step + r] with FullStep.
struct TileTimesRows {
  const Real* a;
  Index a_step;
  const Real* b;
  Index panel_depth;
  Index depth;
  Index dim;
  Real* c;
  Index c_stride;
  Into into;
};
template <class Step>
[[gnu::noinline]] inline void tile_times_rows(const TileTimesRows& t, Index rows) {
  for (Index j = 0; j < t.dim; j += kPanelCols) {
    micro<Step>({.a = t.a,
                 .a_step = t.a_step,
                 .b = t.b + j * t.panel_depth,
                 .depth = t.depth,
                 .c = t.c + j,
                 .c_stride = t.c_stride,
                 .cols = t.dim - j < kPanelCols ? t.dim - j : kPanelCols,
                 .into = t.into},
                rows);
  }
}

/// Scores of a tile of queries against the keys before and the first `own` of its own.
[[gnu::noinline]] inline void tile_scores(const AttentionHead<Real>& head, const HeadScratch& at,
                                          const Real* a, Index a_stride, const Real* cols,
                                          Index rows, Index own, Real* scores) {
  rows_times_cols(a, a_stride, rows, cols, at.before, head.dim, scores, at.row);
  rows_times_cols(a, a_stride, rows, cols + at.own_panels, own, head.dim, scores + at.before,
                  at.row);
}

/// x(j) *= dropout factor of the key j of query `row`.
inline void drop_weights(const AttentionHead<Real>& head, Index row, Index keys, Real* x) {
  if (head.dropout.threshold == 0) return;
  const std::uint64_t first =
      head.dropout_first + static_cast<std::uint64_t>(row) * head.dropout_step;
  dropout_row(keys, x, x, head.dropout, first, false);
}

/// Scores become exp(scale · score − maximum).
[[gnu::noinline]] inline LogitSums soften(Real factor, Index keys, Real* s) {
  const Real top = scaled_maximum(keys, factor, s);
  const Vec scale = splat(factor);
  const Vec minus_top = splat(-top);
  const Wide sum = sum_vectors(
      keys, wide_zero(), [&](Index j, Index m) __attribute__((always_inline)) {
        const Vec e = keep_lanes(exp(fma(load_n(s + j, m), scale, minus_top)), m);
        store_n(s + j, e, m);
        return e;
      });
  return {static_cast<double>(top), wide_sum(sum), 0.0};
}

/// Scores become exp(scale · score − maximum), times dropout; zeros follow up to `padded`. Returns
/// the reciprocal of the sum (before dropout).
[[gnu::noinline]] inline Real soften_row(const AttentionHead<Real>& head, Index row, Index keys,
                                         Index padded, Real* s) {
  const LogitSums sums = soften(head.scale, keys, s);
  for (Index j = keys; j < padded; ++j) s[j] = 0;
  drop_weights(head, row, keys, s);
  if (head.lse != nullptr) {
    head.lse[row * head.lse_stride] = static_cast<Real>(sums.top + __builtin_log(sums.exp_sum));
  }
  return static_cast<Real>(1.0 / sums.exp_sum);
}

[[gnu::noinline]] inline bool all_finite(const Real* rows, Index stride, Index count, Index dim) {
  Vec sum = splat(0);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < dim; j += kLanes) {
      sum = fma(load_n(rows + i * stride + j, lanes_at(j, dim)), splat(0), sum);
    }
  }
  alignas(64) Real lane[kLanes];
  store(lane, sum);
  Real total = 0;
  for (Index i = 0; i < kLanes; ++i) total += lane[i];
  return total == 0;
}

/// The outputs of the queries [first, first + rows).
[[gnu::noinline]] inline void attention_tile(const AttentionHead<Real>& head, const HeadScratch& at,
                                             Index first, Index rows, bool finite) {
  const Index before = at.before;
  const Index keys = before + first + rows;
  tile_scores(head, at, head.q + first * head.q_stride, head.q_stride, at.key_cols, rows,
              first + rows, at.scores);
  Real inverse[kTileRows];
  for (Index r = 0; r < rows; ++r) {
    inverse[r] = soften_row(head, first + r, before + first + r + 1, keys, at.scores + r * at.row);
  }
  Real* out = head.out + first * head.out_stride;
  TileTimesRows product{.a = at.scores,
                        .a_step = at.row,
                        .b = at.value_rows,
                        .panel_depth = at.keys,
                        .depth = keys,
                        .dim = head.dim,
                        .c = out,
                        .c_stride = head.out_stride,
                        .into = Into::store};
  if (finite) {
    tile_times_rows<RowStep>(product, rows);
  } else {
    // 0 · NaN is NaN: a query may not even touch the values of later rows.
    for (Index r = 0; r < rows; ++r) {
      product.a = at.scores + r * at.row;
      product.depth = before + first + r + 1;
      product.c = out + r * head.out_stride;
      tile_times_rows<RowStep>(product, 1);
    }
  }
  for (Index r = 0; r < rows; ++r) affine_row(head.dim, inverse[r], 0, out + r * head.out_stride);
}

inline void attention_head(const AttentionHead<Real>& head) {
  const KeyRun<Real>& own = head.own;
  const HeadScratch at(head);
  const KeyRun<Real>& before = head.before;
  pack_cols(before.keys, before.key_stride, before.length, head.dim, at.key_cols);
  pack_cols(own.keys, own.key_stride, own.length, head.dim, at.key_cols + at.own_panels);
  pack_rows(before.values, before.value_stride, before.length, head.dim, at.keys, at.value_rows);
  pack_rows(own.values, own.value_stride, own.length, head.dim, at.keys,
            at.value_rows + before.length * kPanelCols);
  const bool finite = all_finite(own.values, own.value_stride, own.length, head.dim);
  for (Index first = 0; first < own.length; first += kTileRows) {
    const Index left = own.length - first;
    attention_tile(head, at, first, left < kTileRows ? left : kTileRows, finite);
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
