// SPDX-License-Identifier: MIT
/// @file
/// A named tensor that a model or an adapter owns.
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/tensor.hpp>
#include <solo/kernels/gemm.hpp>
#include <solo/kernels/packed_matrix.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// How a matrix is packed for products: not at all; as it is, x · W; or transposed, as the tables
/// of token embeddings are, x · Wᵀ.
enum class PackOrder { none, plain, transposed };

namespace detail {

/// Tells others whether its owner still exists. What is copied or moved is another object.
class Liveness {
 public:
  Liveness() = default;
  Liveness(const Liveness& /*other*/) noexcept {}
  // NOLINTNEXTLINE(bugprone-unhandled-self-assignment): it assigns nothing
  Liveness& operator=(const Liveness& /*other*/) noexcept { return *this; }
  ~Liveness() = default;
  [[nodiscard]] std::weak_ptr<const void> watch() {
    if (mark_ == nullptr) mark_ = std::make_shared<char>();
    return mark_;
  }

 private:
  std::shared_ptr<const void> mark_;
};

}  // namespace detail

/// Value, gradient and a flag whether it trains. A matrix that does not train may be kept packed,
/// in the order in which the products stream it (PackedMatrix), in full or as bfloat16 (half the
/// memory). operand() reads either form; value() takes a packed one apart again.
template <Scalar T>
class Parameter {
 public:
  Parameter() = default;
  /// Zeros.
  Parameter(std::string name, std::vector<Index> shape, PackOrder order = PackOrder::none)
      : name_(std::move(name)), shape_(std::move(shape)), order_(order), value_(shape_) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<Index>& shape() const noexcept { return shape_; }
  [[nodiscard]] Index size() const { return Tensor<T>::count(shape_); }

  /// The elements, for reading and writing: they are no longer packed from here on. Throws
  /// ConfigError ("parameter.bfloat16") when they are stored as bfloat16.
  [[nodiscard]] Tensor<T>& value() {
    require_full();
    if (is_packed()) {
      unpack();
      packed_ = {};
    }
    return value_;
  }
  /// The elements, for reading; those of a packed matrix are copied at the first call. Throws as
  /// above. Safe on several threads at once.
  [[nodiscard]] const Tensor<T>& value() const {
    require_full();
    if (is_packed()) {
      const std::scoped_lock lock(unpacking());
      unpack();
    }
    return value_;
  }

  /// The gradient, zeros of the value's shape on first use. Throws ShapeError ("shape.mismatch")
  /// when one of another shape was put in its place.
  [[nodiscard]] Tensor<T>& grad() {
    if (grad_.empty()) grad_ = Tensor<T>(shape_);
    if (grad_.shape() != shape_) {
      fail<ShapeError>("shape.mismatch", "the gradient of ", name_, ": expected ",
                       to_string(shape_), ", found ", to_string(grad_.shape()),
                       " (drop_grad() takes it away)");
    }
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
    if (!is_packed()) return Operand<T>(value_.matrix());
    return order_ == PackOrder::transposed ? packed_.operand().transposed() : packed_.operand();
  }

  [[nodiscard]] PackOrder pack_order() const noexcept { return order_; }
  [[nodiscard]] bool is_packed() const noexcept { return !packed_.empty(); }
  [[nodiscard]] bool is_bfloat16() const noexcept { return packed_.is_bfloat16(); }
  /// Packs the elements, rounded to bfloat16 if asked; what value() returned is no longer valid.
  /// Nothing happens when they are packed already, or when the order is PackOrder::none. Throws
  /// NumericError ("numeric.overflow") for a value beyond bfloat16.
  void pack(bool as_bfloat16 = false) {
    if (is_packed() || order_ == PackOrder::none || value_.empty()) return;
    const ConstMatrixView<T> all = std::as_const(value_).matrix();
    for (Index i = 0; i < value_.size() && as_bfloat16; ++i) {
      if (fits_bfloat16(value_.data()[i])) continue;
      fail<NumericError>("numeric.overflow", name_, ": expected values that fit bfloat16, found ",
                         value_.data()[i], " at element ", i);
    }
    PackedMatrix<T> packed = new_packed(as_bfloat16);
    fill_packed(packed, 0, all);
    store_packed(std::move(packed));
  }
  /// A matrix of this parameter's shape and order, for fill_packed() and then store_packed().
  [[nodiscard]] PackedMatrix<T> new_packed(bool as_bfloat16) const {
    const Index cols = shape_.empty() ? 1 : shape_.back();
    const Index rows = cols == 0 ? 0 : size() / cols;
    return order_ == PackOrder::transposed ? PackedMatrix<T>(cols, rows, as_bfloat16)
                                           : PackedMatrix<T>(rows, cols, as_bfloat16);
  }
  /// Sets the rows of this parameter from `first` on, a multiple of kPackedCols; disjoint ones may
  /// be set by several threads at once.
  void fill_packed(PackedMatrix<T>& packed, Index first, ConstMatrixView<T> rows) const {
    if (order_ == PackOrder::transposed) {
      packed.set_cols(first, rows);
    } else {
      packed.set_rows(first, rows);
    }
  }
  /// Replaces the elements.
  void store_packed(PackedMatrix<T> packed) {
    if (packed.depth() * packed.cols() != size()) {
      fail<ShapeError>("shape.mismatch", name_, ": expected ", size(), " elements, found ",
                       packed.depth(), " x ", packed.cols());
    }
    packed_ = std::move(packed);
    value_ = {};
    drop_grad();
  }

  /// Position in the owner's list of parameters; -1 when it is in none.
  [[nodiscard]] int id() const noexcept { return id_; }
  void set_id(int id) noexcept { id_ = id; }

  /// Expires with this parameter.
  [[nodiscard]] std::weak_ptr<const void> watch() { return liveness_.watch(); }

 private:
  void require_full() const {
    if (is_bfloat16()) {
      fail<ConfigError>("parameter.bfloat16", name_, ": stored as bfloat16, so it can only be read",
                        " as a frozen matrix; load the model with frozen_dtype float32");
    }
  }
  void unpack() const {
    if (!value_.empty()) return;
    Tensor<T> value(shape_);
    operand().copy(value.data());
    value_ = std::move(value);
  }
  static std::mutex& unpacking() {
    static std::mutex mutex;
    return mutex;
  }

  std::string name_;
  std::vector<Index> shape_;
  PackOrder order_ = PackOrder::none;
  mutable Tensor<T> value_;  // of a packed matrix: empty, or a copy for readers
  PackedMatrix<T> packed_;
  Tensor<T> grad_;
  bool requires_grad_ = true;
  int id_ = -1;
  detail::Liveness liveness_;
};

}  // namespace solo::inline SOLO_ABI
