// SPDX-License-Identifier: MIT
// Matrix product by the bfloat16 dot product of AVX-512: a is rounded to bfloat16 when it is
// packed, two values of k lie side by side in 32 bits, sums are float. Included by table.ipp inside
// a region that has it. Every element of the result is, for each block of kDepthBlock pairs of k, a
// chain of dot products from zero in rising k; the blocks' sums are added to c in turn.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

/// sum + a.low · b.low + a.high · b.high in each lane.
struct Dot {
  [[gnu::always_inline]] static inline Vec add(Vec a, Vec b, Vec sum) {
    return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, a), __builtin_bit_cast(__m512bh, b));
  }
};
/// 32 values as 16 pairs: pair i holds values 2 i (low) and 2 i + 1, to nearest even.
inline Vec to_pairs(Vec first, Vec second) {
  return __builtin_bit_cast(Vec, _mm512_cvtne2ps_pbh(second, first));
}

/// The chains of dot products: m.depth counts pairs, m.a and m.b hold them in the place of Real.
using DotStep = PanelStep<Dot>;

static_assert(kPanelCols == kPackedCols);

/// Orders of words and double words for the shuffles below.
struct PairOrder {
  std::uint16_t even[2 * kLanes] = {};
  std::uint16_t odd[2 * kLanes] = {};
  std::uint32_t low[kLanes] = {};
  std::uint32_t high[kLanes] = {};
  constexpr PairOrder() {
    for (std::uint32_t i = 0; i < 2 * kLanes; ++i) {
      even[i] = static_cast<std::uint16_t>(2 * i);
      odd[i] = static_cast<std::uint16_t>(2 * i + 1);
      (i < kLanes ? low[i % kLanes] : high[i % kLanes]) = i % 2 * 16 + i / 2;
    }
  }
};
inline constexpr PairOrder kPairOrder;

/// `rows` rows of n values (at most 32), as columns of pairs of `to`.
template <int Width>
inline void pack_pair_tile(const Real* from, Index stride, Index rows, Index n, Real* to) {
  Vec tile[kLanes];
  const Index second = n > kLanes ? n - kLanes : 0;
  for (Index r = 0; r < kLanes; ++r) {
    tile[r] = r < rows ? to_pairs(load_part(from + r * stride, n < kLanes ? n : kLanes),
                                  load_part(from + r * stride + kLanes, second))
                       : splat(0);
  }
  transpose(tile);
  const Index pairs = (n + 1) / 2;
  for (Index k = 0; k < pairs; ++k) store_part(to + k * Width, tile[k], Width);
}

/// `rows` rows of n values (at most 32) that are not side by side, 32 a row of `to`.
inline void gather_rows(const Operand<Real>& a, const Real* from, Index rows, Index n, Real* to) {
  for (Index r = 0; r < rows; ++r) {
    for (Index k = 0; k < n; ++k) {
      to[r * 2 * kLanes + k] = from[r * a.row_stride + k * a.col_stride];
    }
  }
}

/// As gemm_pack, pairs in the place of the values.
inline void gemm_pack_pairs(const GemmPart<Real>& part, Index tile_begin, Index tile_end) {
  const Index depth = part.depth_end - part.depth_begin;
  const Index pairs = (depth + 1) / 2;
  const Operand<Real>& a = part.a;
  Real gathered[kTileRows * 2 * kLanes];
  for (Index tile = tile_begin; tile < tile_end; ++tile) {
    const Index row = part.row_begin + tile * kTileRows;
    const Index rows = part.row_end - row < kTileRows ? part.row_end - row : kTileRows;
    const Real* const begin = a.data + row * a.row_stride + part.depth_begin * a.col_stride;
    Real* const to = part.packed_a + tile * kTileRows * pairs;
    for (Index k = 0; k < depth; k += 2 * kLanes) {
      const Index n = depth - k < 2 * kLanes ? depth - k : 2 * kLanes;
      const Real* from = begin + k * a.col_stride;
      Index stride = a.row_stride;
      if (a.col_stride != 1) {
        gather_rows(a, from, rows, n, gathered);
        from = gathered;
        stride = 2 * kLanes;
      }
      if (part.one_row) {
        const Index first = n < kLanes ? n : kLanes;
        const Vec pairs_of_k =
            to_pairs(load_part(from, first), load_part(from + kLanes, n - first));
        store_part(to + k / 2, pairs_of_k, (n + 1) / 2);
        continue;
      }
      pack_pair_tile<kTileRows>(from, stride, rows, n, to + k / 2 * kTileRows);
    }
  }
}

/// Rows first to first + 31 of a panel, of which `count` exist, as pairs over columns: pair j of
/// row i at to[j · kPanelCols + i]. The rows' own pairs are taken apart on the way.
inline void transpose_pairs(const Operand<Real>& b, Index panel, Index first, Index count,
                            Real* to) {
  const Index pairs = (b.rows + 1) / 2;
  const bfloat16* from = b.half + 2 * (panel * pairs + first / 2) * kPackedCols;
  const __m512i even_words = _mm512_loadu_si512(kPairOrder.even);
  const __m512i odd_words = _mm512_loadu_si512(kPairOrder.odd);
  Vec even[kLanes];
  Vec odd[kLanes];
  for (Index i = 0; i < kLanes; ++i) {
    even[i] = splat(0);
    odd[i] = splat(0);
    if (2 * i >= count) continue;
    const __m512i a = _mm512_loadu_si512(from + 2 * i * kPackedCols);
    const __m512i b_half = _mm512_loadu_si512(from + 2 * i * kPackedCols + kPackedCols);
    even[i] = __builtin_bit_cast(Vec, _mm512_maskz_permutex2var_epi16(~0U, a, even_words, b_half));
    odd[i] = __builtin_bit_cast(Vec, _mm512_maskz_permutex2var_epi16(~0U, a, odd_words, b_half));
  }
  transpose(even);
  transpose(odd);
  const __m512i low = _mm512_loadu_si512(kPairOrder.low);
  const __m512i high = _mm512_loadu_si512(kPairOrder.high);
  for (Index j = 0; j < kLanes; ++j) {
    const __m512i e = __builtin_bit_cast(__m512i, even[j]);
    const __m512i o = __builtin_bit_cast(__m512i, odd[j]);
    _mm512_storeu_si512(to + j * kPanelCols, _mm512_maskz_permutex2var_epi32(0xFFFF, e, low, o));
    _mm512_storeu_si512(to + j * kPanelCols + kLanes,
                        _mm512_maskz_permutex2var_epi32(0xFFFF, e, high, o));
  }
}

/// Packs columns [col, col + width) of the transpose of panels, as pairs.
inline void pack_transposed_pairs(const GemmPart<Real>& part, Index col, Index width) {
  const Operand<Real> stored = part.b.transposed();
  const Index depth = part.depth_end - part.depth_begin;
  const Index pairs = (depth + 1) / 2;
  alignas(64) Real rest[kPackedCols / 2 * kPanelCols];
  for (Index i = 0; i < width; i += kPanelCols) {
    const Index rows = width - i < kPanelCols ? width - i : kPanelCols;
    for (Index k = 0; k < pairs; k += kPackedCols / 2) {
      Real* const to = part.packed_b + i * pairs + k * kPanelCols;
      const Index panel = part.depth_begin / kPackedCols + 2 * k / kPackedCols;
      const bool whole = pairs - k >= kPackedCols / 2;
      transpose_pairs(stored, panel, col + i, rows, whole ? to : rest);
      if (!whole) copy_tile(rest, kPanelCols, to, kPanelCols, pairs - k, kPanelCols);
    }
  }
}

/// As gemm_part, for a b of bfloat16 panels.
inline void gemm_part_pairs(const GemmPart<Real>& part) {
  GemmPart<Real> pairs = part;  // its depth counts pairs
  pairs.depth_begin = part.depth_begin / 2;
  pairs.depth_end = (part.depth_end + 1) / 2;
  if (part.b.transposed_view()) {
    gemm_groups<DotStep>(pairs, {},
                         [&](Index col, Index width) { pack_transposed_pairs(part, col, width); });
    return;
  }
  // Panels of pairs are panels of Real to look at.
  pairs.b.data = reinterpret_cast<const Real*>(part.b.half);
  pairs.b.half = nullptr;
  pairs.b.rows = (part.b.rows + 1) / 2;
  gemm_groups<DotStep>(pairs, pairs.b, [](Index, Index) {});
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
