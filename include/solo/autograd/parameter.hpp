// SPDX-License-Identifier: MIT
/// @file
/// A named tensor that a model or an adapter owns.
#pragma once

#include <solo/core/tensor.hpp>
#include <solo/kernels/gemm.hpp>

#include <string>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Value, gradient and a flag whether it trains. A frozen matrix may be stored as bfloat16 (half
/// the memory); it is then read through operand() only.
template <Scalar T>
class Parameter {
 public:
  Parameter() = default;
  /// Zeros.
  Parameter(std::string name, std::vector<Index> shape)
      : name_(std::move(name)), shape_(std::move(shape)), value_(shape_) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<Index>& shape() const noexcept { return shape_; }
  [[nodiscard]] Index size() const { return Tensor<T>::count(shape_); }

  /// The elements. Throws ConfigError ("parameter.bfloat16") when they are stored as bfloat16.
  [[nodiscard]] Tensor<T>& value() {
    require_plain();
    return value_;
  }
  [[nodiscard]] const Tensor<T>& value() const {
    require_plain();
    return value_;
  }

  /// The gradient, zeros of the value's shape on first use.
  [[nodiscard]] Tensor<T>& grad() {
    if (grad_.empty()) grad_ = Tensor<T>(shape_);
    return grad_;
  }
  [[nodiscard]] bool has_grad() const noexcept { return !grad_.empty(); }
  void zero_grad() noexcept { grad_.fill(T{}); }
  /// Gives the gradient's memory back.
  void drop_grad() noexcept { grad_ = {}; }

  [[nodiscard]] bool requires_grad() const noexcept { return requires_grad_; }
  void set_requires_grad(bool value) noexcept { requires_grad_ = value; }

  /// The matrix as an operand of a product; a vector is one row.
  [[nodiscard]] Operand<T> operand() const {
    if (half_.size() == 0) return Operand<T>(value_.matrix());
    Operand<T> result;
    result.half = half_.data();
    result.cols = shape_.empty() ? 1 : shape_.back();
    result.rows = result.cols == 0 ? 0 : half_.size() / result.cols;
    result.row_stride = result.cols;
    return result;
  }

  [[nodiscard]] bool is_bfloat16() const noexcept { return half_.size() != 0; }
  /// Replaces the elements by these of the same number and frees the full-width ones.
  void store_bfloat16(AlignedBuffer<bfloat16> elements) {
    if (elements.size() != size()) {
      fail<ShapeError>("shape.mismatch", name_, ": expected ", size(), " elements, found ",
                       elements.size());
    }
    half_ = std::move(elements);
    value_ = {};
    drop_grad();
  }
  /// Rounds the elements to bfloat16 storage.
  void store_bfloat16() {
    if (is_bfloat16()) return;
    AlignedBuffer<bfloat16> elements(value_.size());
    for (Index i = 0; i < value_.size(); ++i) {
      elements.data()[i] = to_bfloat16(static_cast<float>(value_.data()[i]));
    }
    store_bfloat16(std::move(elements));
  }

  /// Position in the owner's list of parameters; -1 when it is in none.
  [[nodiscard]] int id() const noexcept { return id_; }
  void set_id(int id) noexcept { id_ = id; }

 private:
  void require_plain() const {
    if (is_bfloat16()) {
      fail<ConfigError>("parameter.bfloat16", name_, ": stored as bfloat16, so it can only be read",
                        " as a frozen matrix; load the model with frozen_dtype float32");
    }
  }

  std::string name_;
  std::vector<Index> shape_;
  Tensor<T> value_;
  Tensor<T> grad_;
  AlignedBuffer<bfloat16> half_;
  bool requires_grad_ = true;
  int id_ = -1;
};

}  // namespace solo::inline SOLO_ABI
