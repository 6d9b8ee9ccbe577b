// SPDX-License-Identifier: MIT
#pragma once

#include <solo/autograd/tape.hpp>

#include <algorithm>

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
  auto* const data = new (arena_.allocate(sizeof(detail::VarData<T>))) detail::VarData<T>{};
  data->value = scratch(checked_product(rows, cols));
  data->rows = rows;
  data->cols = cols;
  data->requires_grad = pass_.record && requires_grad;
  return Var<T>(data);
}

template <Scalar T>
Var<T> Tape<T>::copy(ConstMatrixView<T> source, bool requires_grad) {
  const Var<T> result = create(source.rows, source.cols, requires_grad);
  const MatrixView<T> target = result.value();
  for (Index i = 0; i < source.rows; ++i) {
    std::copy_n(source.row(i), source.cols, target.row(i));
  }
  return result;
}

template <Scalar T>
void Tape<T>::free_value(detail::VarData<T>& x) {
  release_scratch(x.value, x.rows * x.cols);
  x.value = nullptr;
}

template <Scalar T>
void Tape<T>::free_grad(detail::VarData<T>& x) {
  release_scratch(x.grad, x.rows * x.cols);
  x.grad = nullptr;
}

template <Scalar T>
void Tape<T>::release(Var<T> x) {
  const detail::VarData<T>& data = *x.data_;
  const bool needed = data.kept || (data.restorable && data.recipe == nullptr);
  if (!needed) free_value(*x.data_);
}

template <Scalar T>
MatrixView<T> Tape<T>::restored(Var<T> x) {
  detail::VarData<T>& data = *x.data_;
  if (data.value == nullptr && data.recipe != nullptr) {
    data.value = scratch(data.rows * data.cols);
    data.recipe(data.state, *this, {data.value, data.rows, data.cols});
  }
  return x.value();
}

template <Scalar T>
MatrixView<T> Tape<T>::grad(Var<T> x) {
  detail::VarData<T>& data = *x.data_;
  if (data.grad != nullptr) return {data.grad, data.rows, data.cols};
  const MatrixView<T> fresh = fresh_grad(x);
  std::fill_n(fresh.data, data.rows * data.cols, T{});
  return fresh;
}

template <Scalar T>
MatrixView<T> Tape<T>::fresh_grad(Var<T> x) {
  detail::VarData<T>& data = *x.data_;
  data.grad = scratch(data.rows * data.cols);
  return {data.grad, data.rows, data.cols};
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
  *grad(loss).data = T{1};
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    detail::VarData<T>& output = *node->output.data_;
    if (output.grad != nullptr) node->call(node->step, *this);
    if (node->owns_output) {
      free_grad(output);
      free_value(output);
    }
  }
}

template <Scalar T>
void Tape<T>::clear() {
  row_numbers_ = {};
  nodes_.clear();
  arena_.reset();
}

#if !SOLO_HEADER_ONLY
template class Tape<float>;
template class Tape<double>;
#endif

}  // namespace solo::inline SOLO_ABI
