// SPDX-License-Identifier: MIT
/// @file
/// What the updates of LoRA and DoRA share.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/core/error.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/rows.hpp>
#include <solo/ops/elementwise.hpp>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Columns of y that one part of A and B changes.
struct LowRankPart {
  Index begin = 0;
  Index count = 0;
};

/// A: (parts · r, in), B: (Σ counts, r), bias: (out) or null. Part i has rows [i r, (i + 1) r) of A
/// and the rows of B that follow the earlier parts'.
template <Scalar T>
struct LowRankArgs {
  Parameter<T>* a = nullptr;
  Parameter<T>* b = nullptr;
  Parameter<T>* bias = nullptr;
  double scale = 1.0;
  double dropout = 0.0;
  std::uint32_t site = 0;  ///< of the dropout mask
  std::array<LowRankPart, 3> parts = {};
  int part_count = 1;
};

namespace detail {

/// Scratch memory of a tape that is given back at the end of a scope.
template <Scalar T>
class TapeScratch {
 public:
  TapeScratch(Tape<T>& tape, Index rows, Index cols)
      : tape_(tape), view_(tape.scratch(checked_product(rows, cols)), rows, cols) {}
  TapeScratch(const TapeScratch&) = delete;
  TapeScratch& operator=(const TapeScratch&) = delete;
  ~TapeScratch() { tape_.release_scratch(view_.data, view_.rows * view_.cols); }
  [[nodiscard]] MatrixView<T> view() const noexcept { return view_; }

 private:
  Tape<T>& tape_;
  MatrixView<T> view_;
};

template <Scalar T>
void scale_in_place(ThreadPool& pool, T factor, MatrixView<T> x) {
  for_rows(pool, x.rows, x.cols, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      for (Index j = 0; j < x.cols; ++j) x(i, j) *= factor;
    }
  });
}

/// What forward and backward of the two updates share; plain values, so that a tape can keep it.
template <Scalar T>
struct LowRank {
  LowRankArgs<T> args;
  Philox random{0};
  bool drops = false;
  const Index* row_numbers = nullptr;

  LowRank(const Tape<T>& tape, const LowRankArgs<T>& a, Index rows)
      : args(a),
        random(tape.random(a.site)),
        drops(a.dropout > 0.0 && tape.pass().training),
        row_numbers(tape.row_numbers(rows)) {}

  [[nodiscard]] Index rank() const { return args.b->shape()[1]; }
  [[nodiscard]] Index total_rank() const { return args.a->shape()[0]; }
  [[nodiscard]] T scale() const { return static_cast<T>(args.scale); }
  [[nodiscard]] bool trains_factors() const {
    return args.a->requires_grad() || args.b->requires_grad();
  }

  void drop(ThreadPool& pool, ConstMatrixView<T> x, MatrixView<T> y, bool accumulate) const {
    ops::dropout<T>(pool, {.x = x,
                           .p = args.dropout,
                           .random = random,
                           .y = y,
                           .accumulate = accumulate,
                           .numbers = row_numbers});
  }
  /// f(x as A sees it).
  template <class F>
  void with_input(Tape<T>& tape, ConstMatrixView<T> x, const F& f) const {
    if (!drops) {
      f(x);
      return;
    }
    const TapeScratch<T> dropped(tape, x.rows, x.cols);
    drop(tape.pool(), x, dropped.view(), false);
    f(ConstMatrixView<T>(dropped.view()));
  }

  /// Calls f(part of y, columns of p, rows of B) for each part.
  template <class F>
  void for_parts(const F& f) const {
    Index row = 0;
    for (int i = 0; i < args.part_count; ++i) {
      const LowRankPart part = args.parts[static_cast<std::size_t>(i)];
      f(part, LowRankPart{i * rank(), rank()}, LowRankPart{row, part.count});
      row += part.count;
    }
  }

  /// p = s · x Aᵀ.
  void project(ThreadPool& pool, ConstMatrixView<T> x, MatrixView<T> p) const {
    gemm<T>(pool, {.a = x, .b = args.a->operand().transposed(), .c = p});
    scale_in_place(pool, scale(), p);
  }
  /// y += p Bᵀ, part by part.
  void expand(ThreadPool& pool, ConstMatrixView<T> p, MatrixView<T> y) const {
    const ConstMatrixView<T> b = std::as_const(*args.b).value().matrix();
    for_parts([&](const LowRankPart& y_part, const LowRankPart& p_part, const LowRankPart& b_part) {
      gemm<T>(pool, {.a = p.middle_cols(p_part.begin, p_part.count),
                     .b = Operand<T>(b.middle_rows(b_part.begin, b_part.count)).transposed(),
                     .c = y.middle_cols(y_part.begin, y_part.count),
                     .accumulate = true});
    });
  }

  /// Gradients of A and B, and dx += s · dy B A where dx.data. p as project() left it.
  void backward(Tape<T>& tape, ConstMatrixView<T> x, ConstMatrixView<T> dy, ConstMatrixView<T> p,
                MatrixView<T> dx) const {
    ThreadPool& pool = tape.pool();
    Parameter<T>& a = *args.a;
    Parameter<T>& b = *args.b;
    const ConstMatrixView<T> b_value = std::as_const(b).value().matrix();
    const TapeScratch<T> dp(tape, dy.rows, total_rank());
    for_parts([&](const LowRankPart& y_part, const LowRankPart& p_part, const LowRankPart& b_part) {
      const ConstMatrixView<T> dy_part = dy.middle_cols(y_part.begin, y_part.count);
      gemm<T>(pool, {.a = dy_part,
                     .b = b_value.middle_rows(b_part.begin, b_part.count),
                     .c = dp.view().middle_cols(p_part.begin, p_part.count)});
      if (!b.requires_grad()) return;
      gemm<T>(pool, {.a = Operand<T>(dy_part).transposed(),
                     .b = p.middle_cols(p_part.begin, p_part.count),
                     .c = b.grad().matrix().middle_rows(b_part.begin, b_part.count),
                     .accumulate = true});
    });
    scale_in_place(pool, scale(), dp.view());
    if (a.requires_grad()) {
      with_input(tape, x, [&](ConstMatrixView<T> input) {
        gemm<T>(pool, {.a = Operand<T>(dp.view()).transposed(),
                       .b = input,
                       .c = a.grad().matrix(),
                       .accumulate = true});
      });
    }
    if (dx.data != nullptr) {
      gemm<T>(pool, {.a = dp.view(), .b = a.operand(), .c = dx, .accumulate = true});
    }
  }
};

template <Scalar T>
void check_low_rank(const LowRankArgs<T>& args, Index in, Index out) {
  const std::vector<Index>& a = args.a->shape();
  const std::vector<Index>& b = args.b->shape();
  Index rows = 0;
  bool inside = args.part_count >= 1 && args.part_count <= 3;
  for (int i = 0; inside && i < args.part_count; ++i) {
    const LowRankPart part = args.parts[static_cast<std::size_t>(i)];
    inside = part.begin >= 0 && part.count >= 0 && part.begin + part.count <= out;
    rows += part.count;
  }
  if (!inside || a.size() != 2 || b.size() != 2 || a[1] != in || b[0] != rows ||
      a[0] != args.part_count * b[1] || (args.bias != nullptr && args.bias->size() != out)) {
    fail<ShapeError>("shape.mismatch", "low-rank update of a layer (", in, ", ", out,
                     "): ", args.a->name(), " has shape ", to_string(a), ", ", args.b->name(), " ",
                     to_string(b), " for ", args.part_count, " parts");
  }
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
