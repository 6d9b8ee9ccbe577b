// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/tape.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void Tape<T>::begin(const Pass& pass, std::shared_ptr<ThreadPool> pool) {
  clear();
  pass_ = pass;
  if (pool) pool_ = std::move(pool);
}

template <Scalar T>
void Tape<T>::number_rows(std::span<const Index> numbers) {
  Index* const copy = scratch<Index>(static_cast<Index>(numbers.size()));
  std::copy(numbers.begin(), numbers.end(), copy);
  row_numbers_ = {copy, numbers.size()};
}

template <Scalar T>
Var<T> Tape<T>::create(Index rows, Index cols, bool requires_grad) {
  void* const place = arena(in_segment_).allocate(sizeof(detail::VarData<T>));
  auto* const data = new (place) detail::VarData<T>{};
  data->segment = in_segment_;
  data->value = scratch(checked_product(rows, cols));
  data->rows = rows;
  data->cols = cols;
  data->requires_grad = pass_.record && requires_grad;
  return Var<T>(data);
}

template <Scalar T>
Var<T> Tape<T>::copy(ConstMatrixView<T> source, bool requires_grad) {
  detail::require_memory("copy", source);
  const Var<T> result = create(source.rows, source.cols, requires_grad);
  const MatrixView<T> target = result.value();
  for (Index i = 0; i < source.rows; ++i) {
    std::copy_n(source.row(i), source.cols, target.row(i));
  }
  return result;
}

template <Scalar T>
T* Tape<T>::take(const detail::VarData<T>& x) {
  return static_cast<T*>(arena(x.segment).allocate(x.rows * x.cols * Index{sizeof(T)}));
}

template <Scalar T>
void Tape<T>::give_back(const detail::VarData<T>& x, T*& memory) {
  arena(x.segment).release(std::exchange(memory, nullptr), x.rows * x.cols * Index{sizeof(T)});
}

template <Scalar T>
void Tape<T>::release(Var<T> x) {
  detail::VarData<T>& data = x.data();
  const bool needed = data.kept || (data.restorable && data.recipe == nullptr);
  if (!needed) give_back(data, data.value);
}

template <Scalar T>
MatrixView<T> Tape<T>::restored(Var<T> x) {
  detail::VarData<T>& data = x.data();
  if (data.value == nullptr && data.recipe != nullptr) {
    data.value = take(data);
    data.recipe(data.state, *this, {data.value, data.rows, data.cols});
  }
  return x.value();
}

template <Scalar T>
MatrixView<T> Tape<T>::grad(Var<T> x) {
  detail::VarData<T>& data = x.data();
  if (data.grad != nullptr) return {data.grad, data.rows, data.cols};
  const MatrixView<T> fresh = fresh_grad(x);
  std::fill_n(fresh.data, data.rows * data.cols, T{});
  return fresh;
}

template <Scalar T>
MatrixView<T> Tape<T>::fresh_grad(Var<T> x) {
  detail::VarData<T>& data = x.data();
  data.grad = take(data);
  return {data.grad, data.rows, data.cols};
}

template <Scalar T>
bool Tape<T>::move_grad(Var<T> y, Var<T> x) noexcept {
  detail::VarData<T>& from = *y.data_;
  detail::VarData<T>& to = *x.data_;
  if (to.grad != nullptr || from.rows != to.rows || from.cols != to.cols ||
      from.segment != to.segment) {
    return false;
  }
  to.grad = std::exchange(from.grad, nullptr);
  return true;
}

template <Scalar T>
void Tape<T>::backward(Var<T> loss) {
  struct Emptied {
    Tape* tape;
    ~Emptied() { tape->clear(); }
  } const emptied{this};
  if (!loss || loss.rows() != 1 || loss.cols() != 1) {
    fail<ShapeError>("tape.loss", "backward: expected a loss of shape (1, 1)");
  }
  require_recorded(loss);
  *grad(loss).data = T{1};
  run_down_to(0);
}

template <Scalar T>
void Tape<T>::require_recorded(Var<T> loss) const {
  if (changes_ != nullptr && *changes_ != changes_then_) {
    fail<ConfigError>("tape.changed",
                      "backward: the model was changed, moved or destroyed after its loss (an "
                      "adapter deleted or merged, say)");
  }
  if (!loss.requires_grad()) return;  // nothing that trains feeds it
  const bool recorded = std::any_of(nodes_.rbegin(), nodes_.rend(),
                                    [loss](const Node& node) { return node.output == loss; });
  if (recorded) return;
  fail<ConfigError>("tape.other",
                    "backward: this tape has not recorded the loss, or was emptied since");
}

template <Scalar T>
void Tape<T>::run_down_to(std::size_t first) {
  while (nodes_.size() > first) {
    const Node node = nodes_.back();
    nodes_.pop_back();
    detail::VarData<T>& output = *node.output.data_;
    if (output.grad != nullptr) node.call(node.step, *this);
    if (node.owns_output) {
      give_back(output, output.grad);
      give_back(output, output.value);
    }
  }
}

template <Scalar T>
Var<T> Tape<T>::leave_segment(Var<T> inner, std::size_t first) {
  in_segment_ = false;
  const Var<T> out = copy(inner.value(), inner.requires_grad());
  nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(first), nodes_.end());
  segment_arena_.reset();
  return out;
}

template <Scalar T>
void Tape<T>::run_segment(Var<T> out, Var<T> inner, std::size_t first) {
  const ConstMatrixView<T> seed = grad(out);
  std::copy_n(seed.data, seed.rows * seed.cols, fresh_grad(inner).data);
  give_back(*out.data_, out.data_->grad);
  give_back(*out.data_, out.data_->value);
  run_down_to(first);
  in_segment_ = false;
  segment_arena_.reset();
}

template <Scalar T>
void Tape<T>::clear() noexcept {
  row_numbers_ = {};
  nodes_.clear();
  changes_ = nullptr;
  in_segment_ = false;
  arena_.reset();
  segment_arena_.reset();
}

#if !SOLO_HEADER_ONLY
template class Tape<float>;
template class Tape<double>;
#endif

}  // namespace solo::inline SOLO_ABI
