// SPDX-License-Identifier: MIT
/// @file
/// Owning storage: 64-byte aligned memory, and tensors of it.
#pragma once

#include <solo/core/checked_index.hpp>
#include <solo/core/error.hpp>
#include <solo/core/view.hpp>

#include <algorithm>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Cache line and widest SIMD register: the alignment of everything the library allocates.
inline constexpr std::size_t kAlignment = 64;

/// A fixed number of uninitialised, trivially copyable elements; move-only.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// Throws std::bad_alloc when the memory is not to be had.
  explicit AlignedBuffer(Index size) : size_(size) {
    const Index bytes = checked_product(size, static_cast<Index>(sizeof(T)));
    if (bytes > 0) {
      data_ = static_cast<T*>(
          ::operator new (static_cast<std::size_t>(bytes), std::align_val_t{kAlignment}));
    }
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { ::operator delete (data_, std::align_val_t{kAlignment}); }

  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] Index size() const noexcept { return size_; }
  /// Makes room for at least `size` elements; the contents are lost when it has to grow.
  void reserve(Index size) {
    if (size > size_) *this = AlignedBuffer(size);
  }

 private:
  T* data_ = nullptr;
  Index size_ = 0;
};

/// A dense row-major tensor that owns its elements; move-only. Copies are made by `clone()`.
template <class T>
class Tensor {
 public:
  Tensor() = default;
  /// Zeros. Throws ShapeError when the shape's product overflows.
  explicit Tensor(std::vector<Index> shape) : shape_(std::move(shape)), data_(count(shape_)) {
    fill(T{});
  }

  /// Elements of this shape; the shape () has one. Throws ShapeError ("shape.overflow").
  [[nodiscard]] static Index count(std::span<const Index> shape) {
    Index n = 1;
    for (const Index dim : shape) n = checked_product(n, dim);
    return n;
  }

  [[nodiscard]] const std::vector<Index>& shape() const noexcept { return shape_; }
  [[nodiscard]] Index size() const noexcept { return data_.size(); }
  [[nodiscard]] bool empty() const noexcept { return data_.size() == 0; }
  [[nodiscard]] T* data() noexcept { return data_.data(); }
  [[nodiscard]] const T* data() const noexcept { return data_.data(); }
  [[nodiscard]] std::span<T> span() noexcept {
    return {data_.data(), static_cast<std::size_t>(data_.size())};
  }
  [[nodiscard]] std::span<const T> span() const noexcept {
    return {data_.data(), static_cast<std::size_t>(data_.size())};
  }
  /// The tensor as a matrix: its last dimension is the columns, a vector is one row.
  [[nodiscard]] MatrixView<T> matrix() noexcept { return {data_.data(), rows(), cols()}; }
  [[nodiscard]] ConstMatrixView<T> matrix() const noexcept {
    return {data_.data(), rows(), cols()};
  }

  void fill(T value) noexcept { std::fill_n(data_.data(), data_.size(), value); }
  [[nodiscard]] Tensor clone() const {
    Tensor copy;
    copy.shape_ = shape_;
    copy.data_ = AlignedBuffer<T>(data_.size());
    std::copy_n(data_.data(), data_.size(), copy.data_.data());
    return copy;
  }

 private:
  [[nodiscard]] Index cols() const noexcept { return shape_.empty() ? 1 : shape_.back(); }
  [[nodiscard]] Index rows() const noexcept { return cols() == 0 ? 0 : data_.size() / cols(); }

  std::vector<Index> shape_;
  AlignedBuffer<T> data_;
};

/// "(2, 3)", Python's way of writing a shape.
[[nodiscard]] inline std::string to_string(std::span<const Index> shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    detail::append(out, i == 0 ? "" : ", ");
    detail::append(out, shape[i]);
  }
  return out + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace solo::inline SOLO_ABI
