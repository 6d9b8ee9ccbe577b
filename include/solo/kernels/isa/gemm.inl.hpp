// SPDX-License-Identifier: MIT
// Matrix product: packing and register tiles. Included by table.ipp once per instruction set.
// Every element of the result is, for each block of kDepthBlock values of k, a chain of fma from
// zero in rising k; the blocks' sums are added to c in turn. All paths below keep to that.

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
template <int W>
[[gnu::always_inline]] inline void fma_lanes(Lanes<W>& sum, Vec a, const Lanes<W>& b) {
  if constexpr (W > 0) {
    fma_lanes(sum.rest, a, b.rest);
    sum.last = fma(a, b.last, sum.last);
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
template <int R, int W>
[[gnu::always_inline]] inline void fma_tile(Tile<R, W>& t, const Real* a, const Lanes<W>& b) {
  if constexpr (R > 0) {
    fma_tile(t.rest, a, b);
    fma_lanes(t.last, splat(a[R - 1]), b);
  }
}

/// What a register tile does with c: c = sum, c = c + sum, or c itself starts the chain.
enum class Into { store, add, chain };

/// c(r, j) for r < rows and j < cols <= kPanelCols, from a[k · a_step + r] and b[k · kPanelCols +
/// j].
struct Micro {
  const Real* a;
  Index a_step;
  const Real* b;
  Index depth;
  Real* c;
  Index c_stride;
  Index cols;
  Into into;
};

template <int R>
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
  const Real* a = m.a;
  const Real* b = m.b;
#pragma GCC unroll 2
  for (Index k = m.depth; k > 0; --k) {
    Lanes<kTileVecs> lanes;
    load_lanes(lanes, b);
    fma_tile(sum, a, lanes);
    a += m.a_step;
    b += kPanelCols;
  }
  if (m.into == Into::add) add_tile(sum, m.c, m.c_stride);
  store_tile(sum, m.c, m.c_stride);
}

template <int R>
inline void micro_rows(const Micro& m, Index rows) {
  if constexpr (R > 1) {
    if (rows != R) {
      micro_rows<R - 1>(m, rows);
      return;
    }
  }
  micro_full<R>(m);
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
[[gnu::noinline]] inline void micro(const Micro& m, Index rows) {
  if (m.cols == kPanelCols) {
    micro_rows<kTileRows>(m, rows);
    return;
  }
  alignas(64) Real edge[kTileRows * kPanelCols] = {};
  Micro inner = m;
  inner.c = edge;
  inner.c_stride = kPanelCols;
  if (m.into != Into::store) copy_tile(m.c, m.c_stride, edge, kPanelCols, rows, m.cols);
  micro_rows<kTileRows>(inner, rows);
  copy_tile(edge, kPanelCols, m.c, m.c_stride, rows, m.cols);
}

/// Where packing reads: element (k, i) is p[k · k_stride + i · i_stride], one stride is 1.
template <class Source>
struct PackFrom {
  const Source* p;
  Index k_stride;
  Index i_stride;
  Index depth;
  Index width;
  Index panel;  ///< distance of the packed panels, at least depth · Width
};

/// One panel whose values for one k lie side by side in memory.
template <int Width, class Source>
inline void pack_row(const Source* from, Index width, Real* to) {
  for (Index i = 0; i < Width; i += kLanes) {
    const Index room = Width - i < kLanes ? Width - i : kLanes;
    const Index n = width - i < room ? (width > i ? width - i : 0) : room;
    const Vec v = n == kLanes ? load(from + i) : load_part(from + i, n);
    if (room == kLanes) {
      store(to + i, v);
    } else {
      store_part(to + i, v, room);
    }
  }
}

/// `rows` rows of n values (both at most kLanes), as columns of `to`; the others become zeros.
template <int Room, int Width, class Source>
[[gnu::noinline]] inline void transpose_tile(const Source* from, Index stride, Index rows, Index n,
                                             Real* to) {
  Vec tile[kLanes];
  if (rows == Room && n == kLanes) {
#pragma GCC unroll 16
    for (Index r = 0; r < kLanes; ++r) {
      __builtin_prefetch(from + r * stride + 4 * kLanes);
      tile[r] = r < Room ? load(from + r * stride) : splat(0);
    }
    transpose(tile);
#pragma GCC unroll 16
    for (Index r = 0; r < kLanes; ++r) {
      if constexpr (Room == kLanes) {
        store(to + r * Width, tile[r]);
      } else {
        store_part(to + r * Width, tile[r], Room);
      }
    }
    return;
  }
  for (Index r = 0; r < kLanes; ++r) {
    tile[r] = r < rows ? load_part(from + r * stride, n) : splat(0);
  }
  transpose(tile);
  for (Index r = 0; r < n; ++r) store_part(to + r * Width, tile[r], Room);
}

/// One panel whose values for one i lie side by side: kLanes × kLanes tiles are transposed.
template <int Width, class Source>
inline void pack_transposed(const PackFrom<Source>& from, Real* to) {
  constexpr int kRest = Width % kLanes;
  for (Index k = 0; k < from.depth; k += kLanes) {
    const Index n = from.depth - k < kLanes ? from.depth - k : kLanes;
    for (Index i = 0; i < Width; i += kLanes) {
      const Index left = from.width > i ? from.width - i : 0;
      const Source* p = from.p + i * from.i_stride + k;
      if (i + kLanes <= Width) {
        const Index rows = left < kLanes ? left : kLanes;
        transpose_tile<kLanes, Width>(p, from.i_stride, rows, n, to + k * Width + i);
      } else if constexpr (kRest != 0) {
        const Index rows = left < kRest ? left : kRest;
        transpose_tile<kRest, Width>(p, from.i_stride, rows, n, to + k * Width + i);
      }
    }
  }
}

/// The distance between rows is too long for the hardware to see where the next one begins.
inline constexpr Index kRowsAhead = 8;

/// Panels of Width columns, each k-major, zeros beyond from.width.
template <int Width, class Source>
[[gnu::noinline]] inline void pack_panels(const PackFrom<Source>& from, Real* to) {
  if (from.i_stride == 1) {
    for (Index k = 0; k < from.depth; ++k) {
      const Source* row = from.p + k * from.k_stride;
      for (Index i = 0; i < from.width; i += Width) {
        for (Index j = 0; j < Width; j += kLanes) {
          __builtin_prefetch(row + i + j + kRowsAhead * from.k_stride);
        }
        pack_row<Width>(row + i, from.width - i, to + i / Width * from.panel + k * Width);
      }
    }
    return;
  }
  for (Index i = 0; i < from.width; i += Width) {
    pack_transposed<Width>(PackFrom<Source>{from.p + i * from.i_stride, 1, from.i_stride,
                                            from.depth, from.width - i, 0},
                           to + i / Width * from.panel);
  }
}

/// Tiles [tile_begin, tile_end) of kTileRows rows of part.a, as panels over the part's depth.
inline void gemm_pack(const GemmPart<Real>& part, Index tile_begin, Index tile_end) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index row = part.row_begin + tile_begin * kTileRows;
  const Index end = part.row_begin + tile_end * kTileRows;
  const Operand<Real>& a = part.a;
  const Index at = row * a.row_stride + part.depth_begin * a.col_stride;
  const Index width = (end < part.row_end ? end : part.row_end) - row;
  Real* to = part.packed_a + tile_begin * kTileRows * depth;
  if (a.data != nullptr) {
    pack_panels<kTileRows>(
        PackFrom<Real>{a.data + at, a.col_stride, a.row_stride, depth, width, depth * kTileRows},
        to);
  } else {
    pack_panels<kTileRows>(PackFrom<bfloat16>{a.half + at, a.col_stride, a.row_stride, depth, width,
                                              depth * kTileRows},
                           to);
  }
}

/// Packs b's rows [k, k + depth) and columns [col, col + width).
inline void pack_b(const GemmPart<Real>& part, Index k, Index depth, Index col, Index width) {
  const Operand<Real>& b = part.b;
  const Index at = k * b.row_stride + col * b.col_stride;
  if (b.data != nullptr) {
    pack_panels<kPanelCols>(
        PackFrom<Real>{b.data + at, b.row_stride, b.col_stride, depth, width, depth * kPanelCols},
        part.packed_b);
  } else {
    pack_panels<kPanelCols>(PackFrom<bfloat16>{b.half + at, b.row_stride, b.col_stride, depth,
                                               width, depth * kPanelCols},
                            part.packed_b);
  }
}

/// One row tile times the packed columns [col, col + width) of b, one block of k after another: so
/// the piece of c stays in the nearest cache until it is done.
inline void gemm_tile(const GemmPart<Real>& part, Index tile, Index col, Index width) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index row = part.row_begin + tile * kTileRows;
  const Index rows = part.row_end - row < kTileRows ? part.row_end - row : kTileRows;
  for (Index k = 0; k < depth; k += kDepthBlock) {
    const bool first = part.depth_begin + k == 0 && !part.accumulate;
    for (Index j = 0; j < width; j += kPanelCols) {
      micro({.a = part.packed_a + (tile * depth + k) * kTileRows,
             .a_step = kTileRows,
             .b = part.packed_b + j * depth + k * kPanelCols,
             .depth = depth - k < kDepthBlock ? depth - k : kDepthBlock,
             .c = part.c.data + row * part.c.stride + col + j,
             .c_stride = part.c.stride,
             .cols = width - j < kPanelCols ? width - j : kPanelCols,
             .into = first ? Into::store : Into::add},
            rows);
    }
  }
}

/// The product of some row tiles of the packed a with the columns [col_begin, col_end) of b.
inline void gemm_part(const GemmPart<Real>& part) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index panels = kPackedElements / (kPanelCols * depth);
  const Index group = (panels > 1 ? panels : 1) * kPanelCols;
  for (Index col = part.col_begin; col < part.col_end; col += group) {
    const Index width = part.col_end - col < group ? part.col_end - col : group;
    pack_b(part, part.depth_begin, depth, col, width);
    for (Index tile = part.tile_begin; tile < part.tile_end; ++tile) {
      gemm_tile(part, tile, col, width);
    }
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
