// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/function_support.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/ops/cross_entropy.hpp>
#include <solo/ops/elementwise.hpp>

#include <algorithm>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Logits of h's rows [begin, begin + count), then their losses and, if asked, their gradients.
template <Scalar T>
struct LossChunk {
  Operand<T> head;
  std::span<const int> targets;
  double label_smoothing = 0.0;
  const TableRows<T>* rows = nullptr;  // null: none

  void run(Tape<T>& tape, ConstMatrixView<T> h, Index begin, ops::CrossEntropy<T> request) const {
    const ConstMatrixView<T> part = h.middle_rows(begin, request.logits.rows);
    gemm<T>(tape.pool(), {.a = part, .b = head.transposed(), .c = request.logits});
    if (rows != nullptr) put_columns<T>(tape, part, *rows, request.logits);
    request.targets = targets.subspan(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(request.logits.rows));
    request.label_smoothing = label_smoothing;
    ops::cross_entropy(tape.pool(), request);
  }
  /// dh (+)= the logits' gradient times the head, whose replaced rows get theirs in `dvalues`, if
  /// not null; their columns of it are zero afterwards.
  void backward(Tape<T>& tape, ConstMatrixView<T> h, Index begin, MatrixView<T> dlogits,
                MatrixView<T> dh, MatrixView<T> dvalues, bool accumulate) const {
    const MatrixView<T> to = dh.data == nullptr ? dh : dh.middle_rows(begin, dlogits.rows);
    if (rows != nullptr && to.data != nullptr && !accumulate) {
      std::fill_n(to.data, to.rows * to.cols, T{});
    }
    if (rows != nullptr) {
      take_columns<T>(tape, h.middle_rows(begin, dlogits.rows), *rows, dlogits, dvalues, to);
    }
    if (to.data == nullptr) return;
    gemm<T>(tape.pool(),
            {.a = dlogits, .b = head, .c = to, .accumulate = accumulate || rows != nullptr});
  }
};

/// Calls f(begin, count, logits buffer) for every chunk of rows.
template <Scalar T, class F>
void for_loss_chunks(Tape<T>& tape, Index row_count, Index vocabulary, const F& f) {
  const Index step = loss_chunk_rows(row_count, vocabulary);
  T* const buffer = tape.scratch(step * vocabulary);
  for (Index begin = 0; begin < row_count; begin += step) {
    const Index count = std::min(step, row_count - begin);
    f(begin, MatrixView<T>(buffer, count, vocabulary));
  }
  tape.release_scratch(buffer, step * vocabulary);
}

/// Gradient of the chunked loss where the head trains too: the logits are computed again.
template <Scalar T>
void lm_loss_backward(Tape<T>& tape, Var<T> h, Parameter<T>& head, const LossChunk<T>& chunk,
                      double gradient_scale) {
  const MatrixView<T> dh = h.requires_grad() ? tape.grad(h) : MatrixView<T>{};
  for_loss_chunks(tape, h.rows(), chunk.head.rows, [&](Index begin, MatrixView<T> logits) {
    double* const losses = tape.template scratch<double>(logits.rows);
    chunk.run(
        tape, h.value(), begin,
        {.logits = logits, .gradient = true, .gradient_scale = gradient_scale, .losses = losses});
    tape.release_scratch(losses, logits.rows);
    const bool rows_train = chunk.rows != nullptr && chunk.rows->values->requires_grad();
    chunk.backward(tape, h.value(), begin, logits, dh,
                   rows_train ? chunk.rows->values->grad().matrix() : MatrixView<T>{}, true);
    gemm<T>(tape.pool(), {.a = Operand<T>(logits).transposed(),
                          .b = h.value().middle_rows(begin, logits.rows),
                          .c = head.grad().matrix(),
                          .accumulate = true});
  });
}

}  // namespace detail

template <Scalar T>
Var<T> lm_loss(Tape<T>& tape, Var<T> h, const LmLossArgs<T>& args) {
  const Operand<T> head = detail::require_parameter(args.head, "lm_loss").operand();
  if (head.cols != h.cols() || static_cast<Index>(args.targets.size()) != h.rows()) {
    fail<ShapeError>("shape.mismatch", "lm_loss: ", h.rows(), " rows of width ", h.cols(),
                     ", head of width ", head.cols, ", ", args.targets.size(), " targets");
  }
  for (const int target : args.targets) {
    if (target < 0 || target >= head.rows) {
      fail<ShapeError>("ids.range", "label ", target, " is not below the vocabulary size ",
                       head.rows);
    }
  }
  constexpr double kLeastNormalizer = 1e-12;  // what is divided by less overflows sooner or later
  if (!(is_finite(args.normalizer) &&
        (args.normalizer == 0.0 || args.normalizer >= kLeastNormalizer))) {
    fail<ConfigError>("config.range", "normalizer: expected 0 or a finite number of at least ",
                      kLeastNormalizer, ", found ", args.normalizer);
  }
  const bool head_trains = args.head->requires_grad();
  const TableRows<T>* const rows = args.rows == nullptr || args.rows->empty() ? nullptr : args.rows;
  const bool rows_train = rows != nullptr && rows->values->requires_grad();
  const bool needed = tape.needs(h.requires_grad() || head_trains || rows_train);
  const double normalizer =
      args.normalizer > 0.0 ? args.normalizer : static_cast<double>(std::max<Index>(h.rows(), 1));
  // With a frozen head the gradient is taken from the logits while they are there.
  const bool gradient_now = needed && !head_trains;
  int* const targets = tape.template scratch<int>(h.rows());
  std::copy(args.targets.begin(), args.targets.end(), targets);
  const detail::LossChunk<T> chunk{
      head, {targets, args.targets.size()}, args.label_smoothing, rows};
  const Var<T> y = tape.create(1, 1, needed);
  const bool rows_now = gradient_now && rows_train;
  const Var<T> drows = rows_now ? tape.create(rows->count(), h.cols(), false) : Var<T>{};
  const MatrixView<T> drows_value = rows_now ? drows.value() : MatrixView<T>{};
  if (rows_now) std::fill_n(drows_value.data, drows_value.rows * drows_value.cols, T{});
  const Var<T> dh = gradient_now ? tape.create(h.rows(), h.cols(), false) : Var<T>{};
  double* const losses = tape.template scratch<double>(h.rows());
  double* const nll = tape.template scratch<double>(h.rows());
  detail::for_loss_chunks(tape, h.rows(), head.rows, [&](Index begin, MatrixView<T> logits) {
    chunk.run(tape, h.value(), begin,
              {.logits = logits,
               .gradient = gradient_now,
               .gradient_scale = 1.0 / normalizer,
               .losses = losses + begin,
               .nll = nll + begin});
    if (!gradient_now) return;
    chunk.backward(tape, h.value(), begin, logits, dh.value(), drows_value, false);
  });
  double loss_sum = 0.0;
  double nll_sum = 0.0;
  for (Index i = 0; i < h.rows(); ++i) {
    loss_sum += losses[i];
    nll_sum += nll[i];
  }
  if (args.loss_sum != nullptr) *args.loss_sum = loss_sum;
  if (args.nll_sum != nullptr) *args.nll_sum = nll_sum;
  *y.value().data = static_cast<T>(loss_sum / normalizer);
  if (gradient_now) {
    tape.record(y, [y, h, dh, drows, values = rows_now ? rows->values : nullptr](Tape<T>& t) {
      const T dy = *t.grad(y).data;
      if (h.requires_grad()) ops::add_scaled<T>(t.pool(), dy, dh.value(), t.grad(h));
      if (values != nullptr) {
        ops::add_scaled<T>(t.pool(), dy, drows.value(), values->grad().matrix());
        t.release(drows);
      }
      t.release(dh);
    });
  } else if (needed) {
    tape.keep(h);
    Parameter<T>* const weight = args.head;
    tape.record(y, [y, h, weight, chunk, normalizer](Tape<T>& t) {
      detail::lm_loss_backward(t, h, *weight, chunk,
                               static_cast<double>(*t.grad(y).data) / normalizer);
    });
  }
  return y;
}

#if !SOLO_HEADER_ONLY
template Var<float> lm_loss<float>(Tape<float>&, Var<float>, const LmLossArgs<float>&);
template Var<double> lm_loss<double>(Tape<double>&, Var<double>, const LmLossArgs<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
