// SPDX-License-Identifier: MIT
// Packing of operands into the order of the register tiles. Included by table.ipp once per
// instruction set.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

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

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
