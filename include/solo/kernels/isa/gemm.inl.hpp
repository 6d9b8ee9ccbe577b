// SPDX-License-Identifier: MIT
// Matrix product. Included by table.ipp once per instruction set. Every element of the result is,
// for each block of kDepthBlock values of k, a chain of fma from zero in rising k; the blocks' sums
// are added to c in turn. All paths keep to that.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

/// Tiles [tile_begin, tile_end) of kTileRows rows of part.a, as panels over the part's depth.
inline void gemm_pack(const GemmPart<Real>& part, Index tile_begin, Index tile_end) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index row = part.row_begin + tile_begin * kTileRows;
  const Index end = part.row_begin + tile_end * kTileRows;
  const Operand<Real>& a = part.a;
  const Index width = (end < part.row_end ? end : part.row_end) - row;
  if (part.one_row) {
    const Real* from = a.data + part.depth_begin * a.col_stride;
    for (Index k = 0; k < depth; ++k) part.packed_a[k] = from[k * a.col_stride];
    return;
  }
  pack_panels<kTileRows>(
      PackFrom<Real>{a.data + row * a.row_stride + part.depth_begin * a.col_stride, a.col_stride,
                     a.row_stride, depth, width, depth * kTileRows},
      part.packed_a + tile_begin * kTileRows * depth);
}

/// The panels of b that a product runs over: those of a PackedMatrix, or packed just now.
struct Panels {
  Operand<Real> stored;          ///< if its data or half is not null
  const Real* packed = nullptr;  ///< columns from `first` on, k from depth_begin to depth_end
  Index first = 0;
  Index depth_begin = 0;
  Index depth_end = 0;

  /// Points m at row k of the columns from `col` on; both start a block.
  void aim(Micro& m, Index k, Index col) const {
    const Index panel = col / kPackedCols;
    const Index column = col % kPackedCols;
    if (stored.half != nullptr) {
      const Index pair = panel * ((stored.rows + 1) / 2) + k / 2;
      m.half = stored.half + 2 * (pair * kPackedCols + column);
      m.b_step = 2 * kPackedCols;
    } else if (stored.data != nullptr) {
      m.b = stored.data + (panel * stored.rows + k) * kPackedCols + column;
      m.b_step = kPackedCols;
    } else {
      m.b = packed + (col - first) * (depth_end - depth_begin) + (k - depth_begin) * kPanelCols;
    }
  }
};

/// Rows [first, first + count) of a panel of bfloat16 as Real, kPackedCols a row.
inline void unpack_rows(const Operand<Real>& b, Index panel, Index first, Index count, Real* to) {
  const Index pairs = (b.rows + 1) / 2;
  const bfloat16* from = b.half + 2 * (panel * pairs + first / 2) * kPackedCols;
  for (Index i = 0; i < count; i += 2) {
    for (Index j = 0; j < kPackedCols; j += kLanes) {
      store(to + i * kPackedCols + j, load_low(from + i * kPackedCols + 2 * j));
      store(to + (i + 1) * kPackedCols + j, load_high(from + i * kPackedCols + 2 * j));
    }
  }
}

/// Packs columns [col, col + width) of the transpose of panels: rows of the panels become columns.
inline void pack_transposed_panels(const GemmPart<Real>& part, Index col, Index width) {
  const Operand<Real> stored = part.b.transposed();
  alignas(64) Real wide[kPanelCols * kPackedCols];
  const Index depth = part.depth_end - part.depth_begin;
  for (Index i = 0; i < width; i += kPanelCols) {
    const Index rows = width - i < kPanelCols ? width - i : kPanelCols;
    Real* const to = part.packed_b + i * depth;
    for (Index k = 0; k < depth; k += kPackedCols) {
      const Index panel = (part.depth_begin + k) / kPackedCols;
      const Real* from = wide;
      if (stored.half != nullptr) {
        unpack_rows(stored, panel, col + i, (rows + 1) / 2 * 2, wide);
      } else {
        from = stored.data + (panel * stored.rows + col + i) * kPackedCols;
      }
      const Index n = depth - k < kPackedCols ? depth - k : kPackedCols;
      pack_transposed<kPanelCols>(PackFrom<Real>{from, 1, kPackedCols, n, rows, 0},
                                  to + k * kPanelCols);
    }
  }
}

/// Packs b's columns [col, col + width) over the part's depth.
inline void pack_b(const GemmPart<Real>& part, Index col, Index width) {
  const Operand<Real>& b = part.b;
  if (b.panels) return pack_transposed_panels(part, col, width);
  const Index depth = part.depth_end - part.depth_begin;
  pack_panels<kPanelCols>(
      PackFrom<Real>{b.data + part.depth_begin * b.row_stride + col * b.col_stride, b.row_stride,
                     b.col_stride, depth, width, depth * kPanelCols},
      part.packed_b);
}

/// What follows the last sum of rows [row, row + rows) of c, columns [col, col + width).
inline void gemm_finish(const GemmPart<Real>& part, Index row, Index rows, Index col, Index width) {
  for (Index r = row; r < row + rows; ++r) {
    Real* const c = part.c.row(r) + col;
    if (part.residual.data != nullptr) {
      const Real* const x = part.residual.row(r) + col;
      for (Index j = 0; j < width; j += kLanes) {
        const Index n = width - j < kLanes ? width - j : kLanes;
        store_part(c + j, load_part(c + j, n) + load_part(x + j, n), n);
      }
    }
    if (part.activated.data != nullptr) part.activation(width, c, part.activated.row(r) + col);
  }
}

/// One row tile times the columns [col, col + width) of b, one block of k after another: so the
/// piece of c stays in the nearest cache until it is done.
template <class Step>
inline void gemm_tile(const GemmPart<Real>& part, const Panels& panels, Index tile, Index col,
                      Index width) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index row = part.row_begin + tile * kTileRows;
  const Index rows = part.row_end - row < kTileRows ? part.row_end - row : kTileRows;
  const Index a_step = part.one_row ? 1 : kTileRows;
  for (Index k = 0; k < depth; k += kDepthBlock) {
    const bool first = part.depth_begin + k == 0 && !part.accumulate;
    for (Index j = 0; j < width; j += kPanelCols) {
      Micro m{.a = part.packed_a + (tile * depth + k) * a_step,
              .a_step = a_step,
              .b = nullptr,
              .depth = depth - k < kDepthBlock ? depth - k : kDepthBlock,
              .c = part.c.data + row * part.c.stride + col + j,
              .c_stride = part.c.stride,
              .cols = width - j < kPanelCols ? width - j : kPanelCols,
              .into = first ? Into::store : Into::add,
              .bias = first && part.bias != nullptr ? part.bias + col + j : nullptr};
      panels.aim(m, part.depth_begin + k, col + j);
      micro<Step>(m, rows);
    }
  }
  if (part.last) gemm_finish(part, row, rows, col, width);
}

/// The product of some row tiles of the packed a with the columns [col_begin, col_end) of b, as
/// many at a time as the second-level cache holds. `stored` are b's panels, or empty: then
/// pack(col, width) packs these columns before they are used.
template <class Step, class Pack>
inline void gemm_groups(const GemmPart<Real>& part, const Operand<Real>& stored, const Pack& pack) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index fitting = kPackedElements / (kPanelCols * depth);
  const Index group = (fitting > 1 ? fitting : 1) * kPanelCols;
  for (Index col = part.col_begin; col < part.col_end; col += group) {
    const Index width = part.col_end - col < group ? part.col_end - col : group;
    const Panels panels{stored, part.packed_b, col, part.depth_begin, part.depth_end};
    pack(col, width);
    for (Index tile = part.tile_begin; tile < part.tile_end; ++tile) {
      gemm_tile<Step>(part, panels, tile, col, width);
    }
  }
}

inline void gemm_part(const GemmPart<Real>& part) {
  const auto ready = [](Index, Index) {};
  if (!part.b.panels || part.b.transposed_view()) {
    gemm_groups<FullStep>(part, {}, [&](Index col, Index width) { pack_b(part, col, width); });
  } else if (part.b.half != nullptr) {
    gemm_groups<HalfStep>(part, part.b, ready);
  } else {
    gemm_groups<FullStep>(part, part.b, ready);
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
