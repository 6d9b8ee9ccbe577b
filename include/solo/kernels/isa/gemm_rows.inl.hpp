// SPDX-License-Identifier: MIT
// Products with one to four rows, straight from a row-major b: b is read once, in long runs, and
// nothing is packed. Included by table.ipp once per instruction set.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

[[gnu::always_inline]] inline Vec load_some(const Real* p, Index n) {
  return n == kLanes ? load(p) : load_part(p, n);
}

template <int Rows, int Depth>
[[gnu::always_inline]] inline void fma_depth(Tile<Rows, 1>& sum, const Real* a, const Real* b,
                                             Index b_stride, Index n) {
  if constexpr (Depth > 0) {
    fma_depth<Rows, Depth - 1>(sum, a, b, b_stride, n);
    const Lanes<1> x{{}, load_some(b + (Depth - 1) * b_stride, n)};
    fma_tile(sum, a + (Depth - 1) * Rows, x);
  }
}

/// sum(r, ·) continues with the values a(row + r, k) · b(k, ·) for `Depth` values of k from `k` on.
template <int Rows, int Depth>
[[gnu::noinline]] inline void add_rows(const GemmPart<Real>& part, const Real* b, Index row,
                                       Index k, Real* sum) {
  const Operand<Real>& a = part.a;
  const Index cols = part.col_end - part.col_begin;
  Real factor[Depth * Rows];
  for (Index d = 0; d < Depth; ++d) {
    for (Index r = 0; r < Rows; ++r) {
      factor[d * Rows + r] = a.data[(row + r) * a.row_stride + (k + d) * a.col_stride];
    }
  }
  b += k * part.b.row_stride + part.col_begin;
  for (Index j = 0; j < cols; j += kLanes) {
    const Index n = cols - j < kLanes ? cols - j : kLanes;
    Tile<Rows, 1> acc;
    load_tile(acc, sum + j, part.sum_stride);
    fma_depth<Rows, Depth>(acc, factor, b + j, part.b.row_stride, n);
    store_tile(acc, sum + j, part.sum_stride);
  }
}

inline void add_four(const GemmPart<Real>& part, const Real* b, Index k, Real* sum) {
  switch (part.row_end - part.row_begin) {
    case 1:
      return add_rows<1, 4>(part, b, part.row_begin, k, sum);
    case 2:
      return add_rows<2, 4>(part, b, part.row_begin, k, sum);
    case 3:
      return add_rows<3, 4>(part, b, part.row_begin, k, sum);
    default:
      return add_rows<4, 4>(part, b, part.row_begin, k, sum);
  }
}

/// Rows [row_begin, row_end), at most four, of the columns [col_begin, col_end). packed_b holds
/// the sums, one row each sum_stride (a multiple of kLanes, at least the number of columns).
inline void gemm_rows(const GemmPart<Real>& part) {
  const Real* const b = part.b.data;
  const Index rows = part.row_end - part.row_begin;
  const Index cols = part.col_end - part.col_begin;
  Real* sum = part.packed_b;
  for (Index k = part.depth_begin; k < part.depth_end; k += kDepthBlock) {
    const Index end = part.depth_end - k < kDepthBlock ? part.depth_end : k + kDepthBlock;
    for (Index j = 0; j < rows * part.sum_stride; j += kLanes) store(sum + j, splat(0));
    Index at = k;
    for (; at + 4 <= end; at += 4) add_four(part, b, at, sum);
    for (; at < end; ++at) {
      for (Index r = 0; r < rows; ++r) {
        add_rows<1, 1>(part, b, part.row_begin + r, at, sum + r * part.sum_stride);
      }
    }
    const bool first = k == 0 && !part.accumulate;
    for (Index r = 0; r < rows; ++r) {
      Real* c = part.c.data + (part.row_begin + r) * part.c.stride + part.col_begin;
      for (Index j = 0; j < cols; j += kLanes) {
        const Index n = cols - j < kLanes ? cols - j : kLanes;
        const Vec block = load(sum + r * part.sum_stride + j);
        Vec sum_of_all = first ? block : load_part(c + j, n) + block;
        if (first && part.bias != nullptr) {
          sum_of_all = load_part(part.bias + part.col_begin + j, n) + block;
        }
        store_part(c + j, sum_of_all, n);
      }
    }
  }
  gemm_finish(part, part.row_begin, rows, part.col_begin, cols);
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
