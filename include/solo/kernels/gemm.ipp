// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/scratch.hpp>
#include <solo/kernels/table.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Rows and values of k of a that are packed at a time: bounds the buffer (4 MB of float).
inline constexpr Index kChunkRows = 1032;  // a multiple of every tile_rows
inline constexpr Index kChunkDepth = 1024;
/// Multiplications below which one thread is faster than several.
inline constexpr Index kSerialProduct = Index{1} << 18;
/// Rows up to which a row-major b is read in place instead of being packed.
inline constexpr Index kDirectRows = 4;

[[nodiscard]] constexpr Index ceil_div(Index a, Index b) {
  return (a + b - 1) / b;
}

/// A grid of threads over the row tiles and column panels of a product.
struct GemmGrid {
  Index tile_parts = 1;
  Index panel_parts = 1;

  /// The grid whose largest part is the smallest. Each part packs its own columns of b, which costs
  /// about as much as a tile and a half.
  GemmGrid(Index threads, Index tiles, Index panels) {
    double best = 0.0;
    for (Index p = std::min(threads, panels); p >= 1; --p) {
      const Index t = std::min(threads / p, tiles);
      const double cost = static_cast<double>(ceil_div(panels, p)) *
                          (static_cast<double>(ceil_div(tiles, t)) + 1.5);
      if (best == 0.0 || cost < best) {
        best = cost;
        panel_parts = p;
        tile_parts = t;
      }
    }
  }
};

/// Rows and k of this part's chunk: packs a, then multiplies.
template <Scalar T>
void gemm_chunk(ThreadPool& pool, Index threads, GemmPart<T> part) {
  const KernelTable<T>& table = kernels<T>();
  const Index depth = part.depth_end - part.depth_begin;
  const bool pairs = part.b.half != nullptr && table.gemm_part_pairs != nullptr;
  const auto pack = pairs ? table.gemm_pack_pairs : table.gemm_pack;
  const auto multiply = pairs ? table.gemm_part_pairs : table.gemm_part;
  const Index tiles = ceil_div(part.row_end - part.row_begin, table.tile_rows);
  const Index panels = ceil_div(part.c.cols, table.panel_cols);
  part.one_row = part.c.rows == 1;
  part.packed_a = thread_buffer<T, kPackedLeft>(tiles * table.tile_rows * depth);
  pool.for_ranges(std::min(threads, tiles), [&](Index begin, Index end) {
    const Index parts = std::min(threads, tiles);
    pack(part, tiles * begin / parts, tiles * end / parts);
  });
  const GemmGrid grid(threads, tiles, panels);
  pool.for_each(grid.tile_parts * grid.panel_parts, [&](Index i) {
    const Index t = i / grid.panel_parts;
    const Index p = i % grid.panel_parts;
    GemmPart<T> mine = part;
    mine.tile_begin = tiles * t / grid.tile_parts;
    mine.tile_end = tiles * (t + 1) / grid.tile_parts;
    mine.col_begin = panels * p / grid.panel_parts * table.panel_cols;
    mine.col_end = std::min(part.c.cols, panels * (p + 1) / grid.panel_parts * table.panel_cols);
    mine.packed_b =
        thread_buffer<T, kPackedRight>(std::max(kPackedElements, table.panel_cols * depth));
    multiply(mine);
  });
}

/// At most kDirectRows rows by a row-major b: threads split the columns.
template <Scalar T>
void gemm_direct(ThreadPool& pool, Index threads, const GemmPart<T>& part) {
  const KernelTable<T>& table = kernels<T>();
  const Index panels = ceil_div(part.c.cols, table.lanes);
  const Index parts = std::min(threads, panels);
  pool.for_each(parts, [&](Index i) {
    GemmPart<T> mine = part;
    mine.col_begin = panels * i / parts * table.lanes;
    mine.col_end = std::min(part.c.cols, panels * (i + 1) / parts * table.lanes);
    mine.sum_stride = ceil_div(mine.col_end - mine.col_begin, table.lanes) * table.lanes;
    mine.packed_b = thread_buffer<T, kPackedRight>(part.c.rows * mine.sum_stride);
    table.gemm_rows(mine);
  });
}

/// The product of a depth of zero.
template <Scalar T>
void gemm_of_nothing(const GemmPart<T>& part) {
  for (Index i = 0; i < part.c.rows; ++i) {
    T* const c = part.c.row(i);
    if (part.bias != nullptr) {
      std::copy_n(part.bias, part.c.cols, c);
    } else if (!part.accumulate) {
      std::fill_n(c, part.c.cols, T{0});
    }
    if (part.residual.data != nullptr) {
      kernels<T>().add_scaled(part.c.cols, T{1}, part.residual.row(i), c);
    }
    if (part.activated.data != nullptr) part.activation(part.c.cols, c, part.activated.row(i));
  }
}

}  // namespace detail

template <Scalar T>
void gemm(ThreadPool& pool, const Gemm<T>& args) {
  const Index rows = args.a.rows;
  const Index depth = args.a.cols;
  const Index cols = args.b.cols;
  if (args.b.rows != depth || args.c.rows < rows || args.c.cols < cols) {
    fail<ShapeError>("shape.mismatch", "gemm: ", rows, " x ", depth, " by ", args.b.rows, " x ",
                     cols, " into ", args.c.rows, " x ", args.c.cols);
  }
  if (rows == 0 || cols == 0) return;
  detail::GemmPart<T> part{.a = args.a,
                           .b = args.b,
                           .c = args.c,
                           .accumulate = args.accumulate,
                           .bias = args.bias,
                           .residual = args.residual,
                           .activated = args.activated,
                           .activation = kernels<T>().gelu_new};
  part.c.rows = rows;
  part.c.cols = cols;
  part.row_end = rows;
  part.depth_end = depth;
  if (depth == 0) {
    detail::gemm_of_nothing(part);
    return;
  }
  const bool small = rows * cols * depth < detail::kSerialProduct;
  const Index threads = small ? 1 : pool.threads();
  if (rows <= detail::kDirectRows && !args.b.panels && args.b.col_stride == 1) {
    detail::gemm_direct(pool, threads, part);
    return;
  }
  for (Index k = 0; k < depth; k += detail::kChunkDepth) {
    for (Index row = 0; row < rows; row += detail::kChunkRows) {
      part.row_begin = row;
      part.row_end = std::min(rows, row + detail::kChunkRows);
      part.depth_begin = k;
      part.depth_end = std::min(depth, k + detail::kChunkDepth);
      part.last = part.depth_end == depth;
      detail::gemm_chunk(pool, threads, part);
    }
  }
}

#if !SOLO_HEADER_ONLY
template void gemm<float>(ThreadPool&, const Gemm<float>&);
template void gemm<double>(ThreadPool&, const Gemm<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
