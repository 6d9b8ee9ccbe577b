// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/function_support.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/ops/cross_entropy.hpp>
#include <solo/ops/elementwise.hpp>

#include <algorithm>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Logits of h's rows from `begin` on.
template <Scalar T>
void chunk_logits(Tape<T>& tape, ConstMatrixView<T> h, const LmHead<T>& head, Index begin,
                  MatrixView<T> logits) {
  const ConstMatrixView<T> part = h.middle_rows(begin, logits.rows);
  gemm<T>(tape.pool(), {.a = part, .b = head.weight->operand().transposed(), .c = logits});
  if (head.rows != nullptr) put_columns<T>(tape, part, *head.rows, logits);
  if (head.factor == nullptr) return;
  gemm<T>(tape.pool(),
          {.a = ConstMatrixView<T>(head.low_rank.value()).middle_rows(begin, logits.rows),
           .b = head.factor->operand().transposed(),
           .c = logits,
           .accumulate = true});
}

/// Where the gradients of a head go, those that are not null; `factor` and `rows` are added to.
template <Scalar T>
struct HeadGradients {
  MatrixView<T> h = {};
  MatrixView<T> low_rank = {};
  MatrixView<T> factor = {};
  MatrixView<T> rows = {};
  bool accumulate = false;  ///< of h and low_rank
};

/// The losses of a chunk of rows, and their gradients.
template <Scalar T>
struct LossChunk {
  LmHead<T> head;
  std::span<const int> targets;
  double label_smoothing = 0.0;

  /// Logits of h's rows from `begin` on, then their losses and, if asked, their gradients.
  void run(Tape<T>& tape, ConstMatrixView<T> h, Index begin, ops::CrossEntropy<T> request) const {
    chunk_logits(tape, h, head, begin, request.logits);
    request.targets = targets.subspan(static_cast<std::size_t>(begin),
                                      static_cast<std::size_t>(request.logits.rows));
    request.label_smoothing = label_smoothing;
    ops::cross_entropy(tape.pool(), request);
  }
  /// The gradients that follow from the logits', whose columns of replaced rows are zero
  /// afterwards.
  void backward(Tape<T>& tape, ConstMatrixView<T> h, Index begin, MatrixView<T> dlogits,
                const HeadGradients<T>& to) const {
    const auto part = [&](const MatrixView<T>& all) {
      return all.data == nullptr ? all : all.middle_rows(begin, dlogits.rows);
    };
    if (to.low_rank.data != nullptr) {
      gemm<T>(tape.pool(), {.a = dlogits,
                            .b = head.factor->operand(),
                            .c = part(to.low_rank),
                            .accumulate = to.accumulate});
    }
    if (to.factor.data != nullptr) {
      gemm<T>(tape.pool(), {.a = Operand<T>(dlogits).transposed(),
                            .b = part(head.low_rank.value()),
                            .c = to.factor,
                            .accumulate = true});
    }
    const MatrixView<T> dh = part(to.h);
    if (head.rows != nullptr) {
      if (dh.data != nullptr && !to.accumulate) std::fill_n(dh.data, dh.rows * dh.cols, T{});
      take_columns<T>(tape, h.middle_rows(begin, dlogits.rows), *head.rows, dlogits, to.rows, dh);
    }
    if (dh.data == nullptr) return;
    gemm<T>(tape.pool(), {.a = dlogits,
                          .b = head.weight->operand(),
                          .c = dh,
                          .accumulate = to.accumulate || head.rows != nullptr});
  }
};

/// Gradients that were taken from the logits while they were there, to be multiplied by the loss's;
/// those that are wanted.
template <Scalar T>
struct TakenGradients {
  Var<T> h = {};
  Var<T> low_rank = {};
  Var<T> factor = {};
  Var<T> rows = {};

  TakenGradients(Tape<T>& tape, Var<T> x, const LmHead<T>& head, bool any) {
    if (!any) return;
    const auto zeros = [&tape](const Parameter<T>* like) {
      if (!trains(like)) return Var<T>{};
      const Var<T> d = tape.create(like->shape()[0], like->shape()[1], false);
      std::fill_n(d.value().data, like->size(), T{});
      return d;
    };
    if (x.requires_grad()) h = tape.create(x.rows(), x.cols(), false);
    if (head.low_rank && head.low_rank.requires_grad()) {
      low_rank = tape.create(head.low_rank.rows(), head.low_rank.cols(), false);
    }
    factor = zeros(head.factor);
    rows = zeros(head.rows == nullptr ? nullptr : head.rows->values);
  }
  [[nodiscard]] HeadGradients<T> views() const {
    const auto view = [](Var<T> d) { return d ? d.value() : MatrixView<T>{}; };
    return {.h = view(h), .low_rank = view(low_rank), .factor = view(factor), .rows = view(rows)};
  }
  void give(Tape<T>& tape, T dy, Var<T> x, const LmHead<T>& head) const {
    const auto add = [&](Var<T> d, const auto& to) {
      if (!d) return;
      ops::add_scaled<T>(tape.pool(), dy, d.value(), to());
      tape.release(d);
    };
    add(rows, [&] { return head.rows->values->grad().matrix(); });
    add(factor, [&] { return head.factor->grad().matrix(); });
    add(low_rank, [&] { return tape.grad(head.low_rank); });
    add(h, [&] { return tape.grad(x); });
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
void lm_loss_backward(Tape<T>& tape, Var<T> h, const LossChunk<T>& chunk, double gradient_scale) {
  const LmHead<T>& head = chunk.head;
  const auto gradient = [](Parameter<T>* p) {
    return trains(p) ? p->grad().matrix() : MatrixView<T>{};
  };
  const HeadGradients<T> to{
      .h = grad_or_empty(tape, h),
      .low_rank = head.low_rank ? grad_or_empty(tape, head.low_rank) : MatrixView<T>{},
      .factor = gradient(head.factor),
      .rows = gradient(head.rows == nullptr ? nullptr : head.rows->values),
      .accumulate = true};
  for_loss_chunks(tape, h.rows(), head.weight->shape()[0], [&](Index begin, MatrixView<T> logits) {
    double* const losses = tape.template scratch<double>(logits.rows);
    chunk.run(
        tape, h.value(), begin,
        {.logits = logits, .gradient = true, .gradient_scale = gradient_scale, .losses = losses});
    tape.release_scratch(losses, logits.rows);
    chunk.backward(tape, h.value(), begin, logits, to);
    gemm<T>(tape.pool(), {.a = Operand<T>(logits).transposed(),
                          .b = h.value().middle_rows(begin, logits.rows),
                          .c = head.weight->grad().matrix(),
                          .accumulate = true});
  });
}

template <Scalar T>
void check_lm_loss(Var<T> h, const LmLossArgs<T>& args) {
  const Operand<T> head = require_parameter(args.head.weight, "lm_loss").operand();
  if (head.cols != h.cols() || static_cast<Index>(args.targets.size()) != h.rows()) {
    fail<ShapeError>("shape.mismatch", "lm_loss: ", h.rows(), " rows of width ", h.cols(),
                     ", head of width ", head.cols, ", ", args.targets.size(), " targets");
  }
  if (args.head.factor != nullptr) {
    const Var<T> x = args.head.low_rank;
    const std::vector<Index>& factor = args.head.factor->shape();
    if (x.rows() != h.rows() || factor.size() != 2 || factor[0] != head.rows ||
        factor[1] != x.cols()) {
      fail<ShapeError>("shape.mismatch", "lm_loss: low rank of shape (", x.rows(), ", ", x.cols(),
                       ") for ", h.rows(), " rows, ", args.head.factor->name(), " of shape ",
                       to_string(factor), " for ", head.rows, " tokens");
    }
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
}

}  // namespace detail

template <Scalar T>
void lm_logits(Tape<T>& tape, ConstMatrixView<T> h, const LmHead<T>& head, MatrixView<T> logits) {
  detail::chunk_logits(tape, h, head, 0, logits);
}

template <Scalar T>
Var<T> lm_loss(Tape<T>& tape, Var<T> h, const LmLossArgs<T>& args) {
  detail::check_lm_loss(h, args);
  LmHead<T> head = args.head;
  if (head.rows != nullptr && head.rows->empty()) head.rows = nullptr;
  const bool head_trains = head.weight->requires_grad();
  const bool needed = tape.needs(h.requires_grad() || head_trains || detail::trains(head.factor) ||
                                 (head.low_rank && head.low_rank.requires_grad()) ||
                                 (head.rows != nullptr && detail::trains(head.rows->values)));
  const double normalizer =
      args.normalizer > 0.0 ? args.normalizer : static_cast<double>(std::max<Index>(h.rows(), 1));
  // With a frozen head the gradient is taken from the logits while they are there.
  const bool gradient_now = needed && !head_trains;
  int* const targets = tape.template scratch<int>(h.rows());
  std::copy(args.targets.begin(), args.targets.end(), targets);
  const detail::LossChunk<T> chunk{head, {targets, args.targets.size()}, args.label_smoothing};
  const Var<T> y = tape.create(1, 1, needed);
  const detail::TakenGradients<T> taken(tape, h, head, gradient_now);
  double* const losses = tape.template scratch<double>(h.rows());
  double* const nll = tape.template scratch<double>(h.rows());
  const Index vocabulary = head.weight->shape()[0];
  detail::for_loss_chunks(tape, h.rows(), vocabulary, [&](Index begin, MatrixView<T> logits) {
    chunk.run(tape, h.value(), begin,
              {.logits = logits,
               .gradient = gradient_now,
               .gradient_scale = 1.0 / normalizer,
               .losses = losses + begin,
               .nll = nll + begin});
    if (gradient_now) chunk.backward(tape, h.value(), begin, logits, taken.views());
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
    tape.record(y, [y, h, head, taken](Tape<T>& t) { taken.give(t, *t.grad(y).data, h, head); });
  } else if (needed) {
    tape.keep(h);
    if (head.low_rank) tape.keep(head.low_rank);
    tape.record(y, [y, h, chunk, normalizer](Tape<T>& t) {
      detail::lm_loss_backward(t, h, chunk, static_cast<double>(*t.grad(y).data) / normalizer);
    });
  }
  return y;
}

#if !SOLO_HEADER_ONLY
template void lm_logits<float>(Tape<float>&, ConstMatrixView<float>, const LmHead<float>&,
                               MatrixView<float>);
template void lm_logits<double>(Tape<double>&, ConstMatrixView<double>, const LmHead<double>&,
                                MatrixView<double>);
template Var<float> lm_loss<float>(Tape<float>&, Var<float>, const LmLossArgs<float>&);
template Var<double> lm_loss<double>(Tape<double>&, Var<double>, const LmLossArgs<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
