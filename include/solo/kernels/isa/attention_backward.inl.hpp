// SPDX-License-Identifier: MIT
// Gradients of attention of one (segment, head). Included by table.ipp once per instruction set,
// after attention.inl.hpp.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

/// scores become the weights as the values saw them, slopes (dout · values) become ∂loss/∂score:
/// w = exp(scale · score − lse), slope = scale · w · (factor · slope − mean), where the mean is
/// Σ w · factor · slope over all keys (= dout · out, so that the output need not be kept).
[[gnu::noinline]] inline void slope_row(const AttentionHead<Real>& head, Index row, Index keys,
                                        Real* s, Real* d) {
  const Vec scale = splat(head.scale);
  const Vec lse = splat(head.lse[row * head.lse_stride]);
  drop_weights(head, row, keys, d);
  Wide sum = wide_zero();
  for (Index j = 0; j < keys; j += kLanes) {
    const Index m = lanes_at(j, keys);
    const Vec w = exp(load_n(s + j, m) * scale - lse);
    store_n(s + j, w, m);
    sum = wide_fma(load_n(s + j, m), load_n(d + j, m), sum);
  }
  const Vec mean = splat(static_cast<Real>(wide_sum(sum)));
  for (Index j = 0; j < keys; j += kLanes) {
    const Index m = lanes_at(j, keys);
    store_n(d + j, scale * load_n(s + j, m) * (load_n(d + j, m) - mean), m);
  }
  drop_weights(head, row, keys, s);
}

/// d(j, ·) += Σ_r weights(r, j) · b(r, ·) for a run of `count` keys and `rows` queries, the first
/// of them at the key `first` of the run: queries before a tile of keys do not see it.
[[gnu::noinline]] inline void add_to_keys(const HeadScratch& at, const Real* weights, const Real* b,
                                          Index rows, Index first, Index count, Index dim, Real* d,
                                          Index stride) {
  for (Index j = 0; j < count; j += kTileRows) {
    const Index skip = j > first ? j - first : 0;
    tile_times_rows<FullStep>({.a = weights + skip * at.row + j,
                               .a_step = at.row,
                               .b = b + skip * kPanelCols,
                               .panel_depth = kBlockRows,
                               .depth = rows - skip,
                               .dim = dim,
                               .c = d + j * stride,
                               .c_stride = stride,
                               .into = Into::chain},
                              count - j < kTileRows ? count - j : kTileRows);
  }
}

/// The weights and slopes of the queries [first, first + rows), at most a tile, and their dq.
[[gnu::noinline]] inline void attention_backward_tile(const AttentionHead<Real>& head,
                                                      const AttentionHeadBackward<Real>& args,
                                                      const HeadScratch& at, Index first,
                                                      Index rows) {
  const Index before = head.before.length;
  const Index own = first + rows;
  const Index keys = before + own;
  Real* const scores = at.scores + first % kBlockRows * at.row;
  Real* const slopes = at.slopes + first % kBlockRows * at.row;
  tile_scores(head, at, head.q + first * head.q_stride, head.q_stride, at.key_cols, rows, own,
              scores);
  tile_scores(head, at, args.dout + first * args.dout_stride, args.dout_stride, at.value_cols, rows,
              own, slopes);
  for (Index r = 0; r < rows; ++r) {
    Real* s = scores + r * at.row;
    Real* d = slopes + r * at.row;
    const Index seen = before + first + r + 1;
    slope_row(head, first + r, seen, s, d);
    for (Index j = seen; j < keys; ++j) s[j] = d[j] = 0;
  }
  tile_times_rows<RowStep>({.a = slopes,
                            .a_step = at.row,
                            .b = at.value_rows,
                            .panel_depth = at.keys,
                            .depth = keys,
                            .dim = head.dim,
                            .c = args.dq + first * args.d_stride,
                            .c_stride = args.d_stride,
                            .into = Into::chain},
                           rows);
}

/// The queries [first, first + rows), at most a block.
[[gnu::noinline]] inline void attention_backward_block(const AttentionHead<Real>& head,
                                                       const AttentionHeadBackward<Real>& args,
                                                       const HeadScratch& at, Index first,
                                                       Index rows) {
  for (Index r = 0; r < rows; r += kTileRows) {
    attention_backward_tile(head, args, at, first + r, rows - r < kTileRows ? rows - r : kTileRows);
  }
  const Index before = head.before.length;
  const Index own = first + rows;
  const Index dim = head.dim;
  const Index stride = args.d_stride;
  const Real* slopes = at.slopes;
  const Real* scores = at.scores;
  pack_rows(head.q + first * head.q_stride, head.q_stride, rows, dim, kBlockRows, at.q_rows);
  pack_rows(args.dout + first * args.dout_stride, args.dout_stride, rows, dim, kBlockRows,
            at.d_rows);
  add_to_keys(at, slopes, at.q_rows, rows, before, before, dim, args.dk_before, stride);
  add_to_keys(at, slopes + before, at.q_rows, rows, first, own, dim, args.dk_own, stride);
  add_to_keys(at, scores, at.d_rows, rows, before, before, dim, args.dv_before, stride);
  add_to_keys(at, scores + before, at.d_rows, rows, first, own, dim, args.dv_own, stride);
}

inline void attention_head_backward(const AttentionHead<Real>& head,
                                    const AttentionHeadBackward<Real>& args) {
  const KeyRun<Real>& before = head.before;
  const KeyRun<Real>& own = head.own;
  const HeadScratch at(head);
  pack_cols(before.keys, before.key_stride, before.length, head.dim, at.key_cols);
  pack_cols(own.keys, own.key_stride, own.length, head.dim, at.key_cols + at.own_panels);
  pack_cols(before.values, before.value_stride, before.length, head.dim, at.value_cols);
  pack_cols(own.values, own.value_stride, own.length, head.dim, at.value_cols + at.own_panels);
  pack_rows(before.keys, before.key_stride, before.length, head.dim, at.keys, at.value_rows);
  pack_rows(own.keys, own.key_stride, own.length, head.dim, at.keys,
            at.value_rows + before.length * kPanelCols);
  for (Index first = 0; first < own.length; first += kBlockRows) {
    const Index left = own.length - first;
    attention_backward_block(head, args, at, first, left < kBlockRows ? left : kBlockRows);
  }
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
