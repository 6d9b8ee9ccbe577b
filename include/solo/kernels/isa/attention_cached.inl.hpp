// SPDX-License-Identifier: MIT
// Attention of one head of one sequence over a key/value cache. The cache holds what the register
// tile reads, so a step packs nothing but its own keys. Included by table.ipp once per instruction
// set. A query's result is the chain of operations that attention_head gives it.

namespace solo::inline SOLO_ABI::isa::SOLO_ISA {

static_assert(kCacheBlock % kPanelCols == 0, "a block is a whole number of panels");

inline Real* cached_keys(const CachedHead<Real>& head, Index block) {
  return head.blocks[block]->data + head.offset;
}
inline Real* cached_values(const CachedHead<Real>& head, Index block) {
  return cached_keys(head, block) + head.dim * kCacheBlock;
}

/// The tokens of a started block that other sequences go on to use.
[[gnu::noinline]] inline void copy_started(const CachedHead<Real>& head) {
  const Index started = head.first % kCacheBlock;
  const Real* from = head.source->data + head.offset;
  Real* to = cached_keys(head, head.first / kCacheBlock);
  for (Index d = 0; d < head.dim; ++d, from += kCacheBlock, to += kCacheBlock) {
    for (Index j = 0; j < kCacheBlock; j += kLanes) {
      const Index left = started > j ? started - j : 0;
      store(to + j, load_part(from + j, left < kLanes ? left : kLanes));
    }
  }
  const Index count = started * cached_width(head.dim);  // a multiple of kLanes
  for (Index j = 0; j < count; j += kLanes) store(to + j, load(from + j));
}

/// Keys and values of the queries' own tokens. A block's first token clears its other keys: the
/// tile reads them, for scores that nobody uses.
[[gnu::noinline]] inline void append_tokens(const CachedHead<Real>& head) {
  for (Index i = 0; i < head.rows; ++i) {
    const Index block = (head.first + i) / kCacheBlock;
    const Index place = (head.first + i) % kCacheBlock;
    const Real* key = head.k + i * head.stride;
    Real* to = cached_keys(head, block);
    if (place == 0) {
      for (Index j = 0; j < head.dim * kCacheBlock; j += kLanes) store(to + j, splat(0));
    }
    for (Index d = 0; d < head.dim; ++d) to[d * kCacheBlock + place] = key[d];
    const Index width = cached_width(head.dim);
    const Real* value = head.v + i * head.stride;
    to = cached_values(head, block) + place * width;
    for (Index d = 0; d < width; d += kLanes) {
      const Index left = head.dim > d ? head.dim - d : 0;
      store(to + d, load_part(value + d, left < kLanes ? left : kLanes));
    }
  }
}

/// scores(r, j) = query r · key j for the keys j < count, and some numbers up to the block's end.
/// Element d of query r is a[d · a_step + r].
[[gnu::noinline]] inline void cached_scores(const CachedHead<Real>& head, const Real* a,
                                            Index a_step, Index rows, Index count, Real* scores,
                                            Index stride) {
  for (Index j = 0; j < count; j += kPanelCols) {
    micro({.a = a,
           .a_step = a_step,
           .b = cached_keys(head, j / kCacheBlock) + j % kCacheBlock,
           .depth = head.dim,
           .c = scores + j,
           .c_stride = stride,
           .cols = kPanelCols,
           .into = Into::store,
           .b_step = kCacheBlock},
          rows);
  }
}

/// out(r, ·) = Σ weight(r, k) · value k over the keys [begin, end), or from `begin` > 0 on that
/// added to out. Weight (r, k) is a[k · a_step + r].
[[gnu::noinline]] inline void weighted_values(const CachedHead<Real>& head, const Real* a,
                                              Index a_step, Index rows, Index begin, Index end,
                                              Real* out) {
  const Index width = cached_width(head.dim);
  for (Index k = begin; k < end;) {
    const Index block_end = (k / kCacheBlock + 1) * kCacheBlock;
    const Index stop = block_end < end ? block_end : end;
    const Real* values = cached_values(head, k / kCacheBlock) + k % kCacheBlock * width;
    for (Index j = 0; j < head.dim; j += kPanelCols) {
      micro({.a = a + k * a_step,
             .a_step = a_step,
             .b = values + j,
             .depth = stop - k,
             .c = out + j,
             .c_stride = head.out_stride,
             .cols = head.dim - j < kPanelCols ? head.dim - j : kPanelCols,
             .into = k == 0 ? Into::store : Into::chain,
             .b_step = width},
            rows);
    }
    k = stop;
  }
}

/// The outputs of the queries [first, first + rows).
[[gnu::noinline]] inline void cached_tile(const CachedHead<Real>& head, Index first, Index rows) {
  const Index common = head.first + first + 1;  // keys that all of these queries attend to
  const Index keys = head.first + head.rows;
  const Index stride = round_up(keys, kCacheBlock);
  Real* const scores = head.scratch;
  Real* const tile = scores + kTileRows * stride;  // the queries, then the weights, k-major
  const Real* q = head.q + first * head.stride;
  Real* out = head.out + first * head.out_stride;
  const Index step = rows == 1 ? 1 : kTileRows;
  if (rows > 1) {
    pack_tile(q, head.stride, rows, head.dim, tile);
    q = tile;
  }
  cached_scores(head, q, step, rows, common + rows - 1, scores, stride);
  Real inverse[kTileRows];
  for (Index r = 0; r < rows; ++r) {
    const LogitSums sums = soften(head.scale, common + r, scores + r * stride);
    inverse[r] = static_cast<Real>(1.0 / sums.exp_sum);
  }
  if (rows > 1) pack_tile(scores, stride, rows, common, tile);
  weighted_values(head, rows == 1 ? scores : tile, step, rows, 0, common, out);
  for (Index r = 0; r < rows; ++r) {
    Real* const row = out + r * head.out_stride;
    weighted_values(head, scores + r * stride, 1, 1, common, common + r, row);
    affine_row(head.dim, inverse[r], 0, row);
  }
}

inline void attention_cached(const CachedHead<Real>& head) {
  if (head.source != nullptr) copy_started(head);
  append_tokens(head);
  for (Index first = 0; first < head.rows; first += kTileRows) {
    const Index left = head.rows - first;
    cached_tile(head, first, left < kTileRows ? left : kTileRows);
  }
}

inline Index attention_cached_scratch(Index keys, Index dim) {
  const Index tokens = round_up(keys, kCacheBlock);
  return kTileRows * (tokens + (tokens > dim ? tokens : dim));
}

}  // namespace solo::inline SOLO_ABI::isa::SOLO_ISA
