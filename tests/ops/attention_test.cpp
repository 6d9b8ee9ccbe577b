// SPDX-License-Identifier: MIT
#include <solo/kernels/table.hpp>
#include <solo/ops/attention.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <limits>

namespace {

using namespace solo;
using namespace solo::test;

/// A ragged batch with random q, k, v; rows have two unused columns.
template <class T>
struct Batch {
  std::vector<Segment> segments;
  Index heads = 2;
  Index dim = 4;
  double dropout = 0.0;
  std::vector<T> qkv;

  Batch(std::vector<Segment> s, Index h, Index d) : segments(std::move(s)), heads(h), dim(d) {
    qkv = normal_values<T>(rows() * stride(), 1);
  }
  [[nodiscard]] Index rows() const { return segments.back().begin + segments.back().length; }
  [[nodiscard]] Index width() const { return heads * dim; }
  [[nodiscard]] Index stride() const { return 3 * width() + 2; }
  [[nodiscard]] ops::AttentionShape<T> shape() const {
    return {.qkv = {qkv.data(), rows(), 3 * width(), stride()},
            .segments = segments,
            .heads = heads,
            .scale = 1.0 / std::sqrt(static_cast<double>(dim)),
            .dropout = dropout,
            .random = Philox(9, 4)};
  }
  [[nodiscard]] double at(Index row, Index part, Index head, Index d) const {
    return static_cast<double>(
        qkv[static_cast<std::size_t>(row * stride() + part * width() + head * dim + d)]);
  }
  /// The rows that row i of a segment attends to, in order.
  [[nodiscard]] std::vector<Index> keys(const Segment& s, Index i) const {
    std::vector<Index> found;
    if (s.parent >= 0) {
      const Segment& parent = segments[static_cast<std::size_t>(s.parent)];
      for (Index j = 0; j < parent.length; ++j) found.push_back(parent.begin + j);
    }
    for (Index j = 0; j <= i; ++j) found.push_back(s.begin + j);
    return found;
  }
};

/// out, then lse.
template <class T>
std::vector<T> attended(int threads, const ops::AttentionShape<T>& shape) {
  ThreadPool pool(threads);
  const Index width = shape.qkv.cols / 3;
  std::vector<T> out(static_cast<std::size_t>(shape.qkv.rows * width));
  std::vector<T> lse(static_cast<std::size_t>(shape.qkv.rows * shape.heads));
  ops::attention_forward<T>(pool, shape, {out.data(), shape.qkv.rows, width}, lse.data());
  out.insert(out.end(), lse.begin(), lse.end());
  return out;
}

template <class T>
std::vector<double> expected_attention(const Batch<T>& batch) {
  std::vector<double> out(static_cast<std::size_t>(batch.rows() * batch.width()));
  std::vector<double> lse(static_cast<std::size_t>(batch.rows() * batch.heads));
  const Philox random(9, 4);
  for (const Segment& s : batch.segments) {
    for (Index i = 0; i < s.length; ++i) {
      const std::vector<Index> keys = batch.keys(s, i);
      for (Index h = 0; h < batch.heads; ++h) {
        const Index row = s.begin + i;
        std::vector<double> weights;
        double sum = 0.0;
        for (const Index key : keys) {
          double score = 0.0;
          for (Index d = 0; d < batch.dim; ++d)
            score += batch.at(row, 0, h, d) * batch.at(key, 1, h, d);
          weights.push_back(std::exp(score * batch.shape().scale));
          sum += weights.back();
        }
        for (std::size_t j = 0; j < keys.size(); ++j) {
          const auto number = (static_cast<std::uint64_t>(row * batch.heads + h) << 24U) + j;
          const bool kept = random.uniform(number) >= static_cast<float>(batch.dropout);
          const double w = kept ? weights[j] / sum / (1.0 - batch.dropout) : 0.0;
          for (Index d = 0; d < batch.dim; ++d) {
            out[static_cast<std::size_t>(row * batch.width() + h * batch.dim + d)] +=
                w * batch.at(keys[j], 2, h, d);
          }
        }
        lse[static_cast<std::size_t>(row * batch.heads + h)] = std::log(sum);
      }
    }
  }
  out.insert(out.end(), lse.begin(), lse.end());
  return out;
}

/// A parent of 5 rows with two children, a lone row, an empty segment, and one of `last` rows.
std::vector<Segment> family(Index last) {
  return {{.begin = 0, .length = 5, .position = 0},
          {.begin = 5, .length = 3, .position = 5, .parent = 0},
          {.begin = 8, .length = 14, .position = 5, .parent = 0},
          {.begin = 22, .length = 1, .position = 0},
          {.begin = 23, .length = 0, .position = 0},
          {.begin = 23, .length = last, .position = 0}};
}

TEST_CASE("attention follows its formula for all shapes of heads and segments") {
  for (const double dropout : {0.0, 0.3}) {
    for (const Index dim : {1, 3, 4, 16, 17, 33, 64}) {
      Batch<double> wide(family(40), 2, dim);
      wide.dropout = dropout;
      CAPTURE(dim, dropout);
      CHECK(max_difference(attended(1, wide.shape()), expected_attention(wide)) < 1e-12);
      Batch<float> narrow(family(40), 2, dim);
      narrow.dropout = dropout;
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        CAPTURE(to_string(isa));
        CHECK(max_difference(attended(1, narrow.shape()), expected_attention(narrow)) < 1e-5);
      }
    }
  }
}

TEST_CASE("attention gives the same bits for any number of threads") {
  Batch<float> batch(family(70), 3, 20);
  batch.dropout = 0.2;
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const std::vector<float> one = attended(1, batch.shape());
    for (const int threads : {2, 3, 5}) CHECK(same_bits(attended(threads, batch.shape()), one));
  }
}

/// The values of some rows of one head after another's: out only.
std::vector<float> rows_of(const std::vector<float>& out, Index first, Index count, Index width) {
  return {out.begin() + first * width, out.begin() + (first + count) * width};
}

TEST_CASE("a row's attention has the same bits whatever follows it or stands beside it") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const Batch<float> all({{.begin = 0, .length = 60}}, 2, 24);
    const std::vector<float> together = attended(1, all.shape());
    for (const Index length : {1, 7, 16, 33, 59}) {
      Batch<float> some = all;
      some.segments[0].length = length;
      const std::vector<float> alone = attended(2, some.shape());
      CAPTURE(to_string(isa), length);
      CHECK(same_bits(rows_of(alone, 0, length, 48), rows_of(together, 0, length, 48)));
    }
  }
}

TEST_CASE("a shared context has the bits of the whole sequence") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    const Batch<float> whole({{.begin = 0, .length = 50}}, 2, 20);
    Batch<float> split = whole;
    split.segments = {{.begin = 0, .length = 21}, {.begin = 21, .length = 29, .parent = 0}};
    CHECK(same_bits(attended(1, split.shape()), attended(1, whole.shape())));
  }
}

TEST_CASE("NaN in a row reaches neither earlier rows nor other segments nor other heads") {
  Batch<float> batch({{.begin = 0, .length = 30}, {.begin = 30, .length = 6}}, 2, 8);
  const std::vector<float> clean = attended(1, batch.shape());
  for (const Index part : {0, 1, 2}) {
    Batch<float> spoiled = batch;
    spoiled.qkv[static_cast<std::size_t>(20 * batch.stride() + part * 16 + 3)] =
        std::numeric_limits<float>::quiet_NaN();
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      const std::vector<float> reference = attended(1, batch.shape());
      const std::vector<float> out = attended(1, spoiled.shape());
      CAPTURE(part, to_string(isa));
      CHECK(same_bits(rows_of(out, 0, 20, 16), rows_of(reference, 0, 20, 16)));
      CHECK(same_bits(rows_of(out, 30, 6, 16), rows_of(reference, 30, 6, 16)));
      CHECK(std::isnan(out[20 * 16 + 3]));
      CHECK(!std::isnan(out[20 * 16 + 8 + 3]));
    }
  }
}

template <class T>
std::vector<T> attention_gradient(int threads, const Batch<T>& batch, const std::vector<T>& dout) {
  ThreadPool pool(threads);
  const std::vector<T> forward = attended(1, batch.shape());
  std::vector<T> dqkv(batch.qkv.size(), T{1});
  const Index width = batch.width();
  ops::attention_backward<T>(pool, batch.shape(),
                             {.dout = {dout.data(), batch.rows(), width},
                              .lse = forward.data() + batch.rows() * width,
                              .dqkv = {dqkv.data(), batch.rows(), 3 * width, batch.stride()}});
  for (T& g : dqkv) g -= T{1};
  return dqkv;
}

TEST_CASE("attention's gradients are central differences") {
  for (const double dropout : {0.0, 0.3}) {
    Batch<double> batch(family(7), 2, 3);
    batch.dropout = dropout;
    const std::vector<double> dout = normal_values<double>(batch.rows() * batch.width(), 2);
    const auto loss = [&] {
      std::vector<double> out = attended(1, batch.shape());
      out.resize(dout.size());
      return inner(out, dout);
    };
    const std::vector<double> gradient = attention_gradient(2, batch, dout);
    CAPTURE(dropout);
    CHECK(max_difference(gradient, central_differences(batch.qkv, loss)) < 1e-8);
  }
}

TEST_CASE("attention's gradients in float agree with double and do not depend on the threads") {
  for (const Index dim : {1, 5, 32, 40}) {
    Batch<double> wide(family(60), 3, dim);
    Batch<float> narrow(family(60), 3, dim);
    wide.dropout = narrow.dropout = 0.1;
    const Index size = wide.rows() * wide.width();
    const std::vector<double> expected =
        attention_gradient(1, wide, normal_values<double>(size, 3));
    const std::vector<float> dout = normal_values<float>(size, 3);
    for (const Isa isa : available_isas()) {
      const ScopedIsa use(isa);
      const std::vector<float> one = attention_gradient(1, narrow, dout);
      CAPTURE(dim, to_string(isa));
      CHECK(max_difference(one, expected) < 3e-5);
      CHECK(same_bits(attention_gradient(2, narrow, dout), one));
      CHECK(same_bits(attention_gradient(3, narrow, dout), one));
    }
  }
}

}  // namespace
