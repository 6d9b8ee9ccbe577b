// SPDX-License-Identifier: MIT
/// @file
/// What differentiable operations share: checks of shapes, gradients that may not be wanted, arrays
/// kept for the backward step. For writers of operations.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace solo::inline SOLO_ABI {

namespace detail {

/// ConfigError ("parameter.null") for a null pointer.
template <Scalar T>
[[nodiscard]] Parameter<T>& require_parameter(Parameter<T>* p, std::string_view operation) {
  if (p == nullptr) fail<ConfigError>("parameter.null", operation, ": a parameter is null");
  return *p;
}

/// ConfigError ("config.range") unless p is a probability of dropping below 1.
inline void require_dropout(double p, std::string_view operation) {
  if (p >= 0.0 && p < 1.0) return;
  fail<ConfigError>("config.range", operation, ": dropout: expected 0 <= p < 1, found ", p);
}

/// ShapeError unless a parameter that is never packed has `expected` elements, and so has the
/// tensor that a caller may have put in place of its value.
template <Scalar T>
void require_size(const Parameter<T>& p, Index expected, std::string_view operation) {
  if (p.size() == expected && p.value().size() != expected) {
    fail<ShapeError>("shape.mismatch", operation, ": the value of ", p.name(), ": expected ",
                     to_string(p.shape()), ", found ", to_string(p.value().shape()));
  }
  if (p.size() != expected) {
    fail<ShapeError>("shape.mismatch", operation, ": ", p.name(), " has shape ",
                     to_string(p.shape()), ", expected ", expected, " elements");
  }
}

template <Scalar T>
void require_same_shape(Var<T> a, Var<T> b, std::string_view operation) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    const std::array<Index, 2> left = {a.rows(), a.cols()};
    const std::array<Index, 2> right = {b.rows(), b.cols()};
    fail<ShapeError>("shape.mismatch", operation, ": shapes ", to_string(left), " and ",
                     to_string(right), " differ");
  }
}

template <Scalar T>
[[nodiscard]] bool trains(const Parameter<T>* p) {
  return p != nullptr && p->requires_grad();
}

template <Scalar T>
[[nodiscard]] const T* data_or_null(const Parameter<T>* p) {
  return p == nullptr ? nullptr : p->value().data();
}

template <Scalar T>
[[nodiscard]] T* grad_or_null(Parameter<T>* p) {
  return trains(p) ? p->grad().data() : nullptr;
}

template <Scalar T>
[[nodiscard]] MatrixView<T> grad_or_empty(Tape<T>& tape, Var<T> x) {
  return x.requires_grad() ? tape.grad(x) : MatrixView<T>{};
}

/// A copy of `source` in the tape's memory: a backward step must not depend on the caller's arrays.
template <class U, Scalar T>
[[nodiscard]] std::span<const U> stored(Tape<T>& tape, std::span<const U> source) {
  U* const copy = tape.template scratch<U>(static_cast<Index>(source.size()));
  std::copy(source.begin(), source.end(), copy);
  return {copy, source.size()};
}

}  // namespace detail

}  // namespace solo::inline SOLO_ABI
