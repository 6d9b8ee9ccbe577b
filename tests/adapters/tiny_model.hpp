// SPDX-License-Identifier: MIT
/// @file
/// Tiny random models and batches, and comparisons bit by bit.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/core/rng.hpp>
#include <solo/nn/nn.hpp>

#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

inline GPT2Config tiny_config() {
  return {.vocab_size = 23, .n_positions = 12, .n_embd = 8, .n_layer = 4, .n_head = 2};
}

/// Adds N(0, deviation) to every element.
template <Scalar T>
void disturb(const std::vector<Parameter<T>*>& parameters, double deviation, std::uint64_t seed) {
  std::uint64_t stream = 0;
  for (Parameter<T>* p : parameters) {
    const Philox random(seed, stream++);
    for (Index i = 0; i < p->size(); ++i) {
      p->value().data()[i] +=
          static_cast<T>(deviation * random.normal(static_cast<std::uint64_t>(i)));
    }
  }
}

/// A model in which no tensor is trivial; equal for equal arguments.
template <Scalar T>
GPT2<T> tiny_model(const GPT2Config& config = tiny_config(), int threads = 1) {
  GPT2<T> model(config, {.threads = threads});
  disturb(model.parameters(), 0.25, 5);
  return model;
}

/// The adapter's tensor of this name; std::out_of_range if it has none.
template <Scalar T>
Parameter<T>& tensor(Adapter<T>& adapter, const std::string& name) {
  for (Parameter<T>* p : adapter.parameters()) {
    if (p->name() == name) return *p;
  }
  throw std::out_of_range("no tensor " + name);
}

/// Sequences of these lengths with random tokens, every row scored but the first of each longer
/// one.
inline Batch random_batch(const std::vector<Index>& lengths, const GPT2Config& config) {
  Batch batch;
  batch.seed = 11;
  batch.step = 3;
  const Philox random(99);
  std::uint64_t draw = 0;
  const auto token = [&] {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(config.vocab_size), draw++));
  };
  for (const Index length : lengths) {
    batch.segments.push_back({.begin = batch.rows(), .length = length});
    for (Index i = 0; i < length; ++i) {
      batch.ids.push_back(token());
      const int target = token();
      batch.targets.push_back(i == 0 && length > 1 ? kIgnoreIndex : target);
      if (batch.targets.back() != kIgnoreIndex) ++batch.scored_tokens;
    }
    ++batch.examples;
  }
  return batch;
}

template <Scalar T>
bool same_bits(const Matrix<T>& a, const Matrix<T>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0;
}

template <Scalar T>
bool same_bits(const Tensor<T>& a, const Tensor<T>& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0;
}

/// |a - b| / |b| in L2; 0 where both are zero.
template <Scalar T>
double relative_difference(const Tensor<T>& a, const Tensor<T>& b) {
  double difference = 0.0;
  double norm = 0.0;
  for (Index i = 0; i < b.size(); ++i) {
    const auto x = static_cast<double>(a.data()[i]);
    const auto y = static_cast<double>(b.data()[i]);
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return difference == 0.0 ? 0.0 : std::sqrt(difference / norm);
}

template <Scalar T>
std::vector<Tensor<T>> copies(const std::vector<Parameter<T>*>& parameters) {
  std::vector<Tensor<T>> result;
  for (Parameter<T>* p : parameters) result.push_back(p->value().clone());
  return result;
}

template <Scalar T>
std::vector<Tensor<T>> gradients(const std::vector<Parameter<T>*>& parameters) {
  std::vector<Tensor<T>> result;
  for (Parameter<T>* p : parameters) result.push_back(p->grad().clone());
  return result;
}

template <Scalar T>
bool same_bits(const std::vector<Tensor<T>>& a, const std::vector<Tensor<T>>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same_bits(a[i], b[i])) return false;
  }
  return true;
}

}  // namespace solo::test
