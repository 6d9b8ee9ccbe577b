// SPDX-License-Identifier: MIT
// Attention over a cache against attention over the whole sequence.
#include <solo/ops/attention.hpp>
#include <solo/ops/cached_attention.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <algorithm>
#include <limits>
#include <vector>

namespace {

using namespace solo;
using namespace solo::test;

/// The blocks of one sequence, of which `layers` layers are used. What no token has written yet is
/// NaN: nothing may read it.
template <class T>
struct Blocks {
  std::vector<std::vector<T>> memory;
  std::vector<detail::CacheBlock<T>> blocks;
  std::vector<detail::CacheBlock<T>*> list;

  Blocks(Index count, Index layers, Index heads, Index dim)
      : memory(static_cast<std::size_t>(count)), blocks(memory.size()) {
    for (std::size_t i = 0; i < memory.size(); ++i) {
      memory[i].assign(static_cast<std::size_t>(layers * heads * detail::cached_head_size(dim)),
                       std::numeric_limits<T>::quiet_NaN());
      blocks[i].data = memory[i].data();
      list.push_back(&blocks[i]);
    }
  }
};

/// Random rows of queries, keys and values of one sequence.
template <class T>
struct Sequence {
  Index rows;
  Index heads;
  Index dim;
  std::vector<T> qkv;

  Sequence(Index r, Index h, Index d)
      : rows(r), heads(h), dim(d), qkv(normal_values<T>(r * 3 * h * d, 1)) {}
  [[nodiscard]] Index width() const { return heads * dim; }
  [[nodiscard]] ConstMatrixView<T> view() const { return {qkv.data(), rows, 3 * width()}; }

  [[nodiscard]] std::vector<T> whole() const {
    ThreadPool pool(1);
    std::vector<T> out(static_cast<std::size_t>(rows * width()));
    const std::vector<Segment> segments = {{.length = rows}};
    ops::attention_forward<T>(pool,
                              {.qkv = view(), .segments = segments, .heads = heads, .scale = 0.25},
                              {out.data(), rows, width()}, nullptr);
    return out;
  }
  /// Rows [begin, end), which go into layer 1 of the blocks.
  void run(int threads, const ops::CachedSequence<T>& cached, Index end,
           std::vector<T>& out) const {
    ThreadPool pool(threads);
    const Index begin = cached.length;
    const std::vector<Segment> segments = {{.length = end - begin, .position = begin}};
    ops::cached_attention<T>(pool,
                             {.qkv = view().middle_rows(begin, end - begin),
                              .segments = segments,
                              .sequences = {&cached, 1},
                              .layer = 1,
                              .capacity = rows,
                              .heads = heads,
                              .scale = 0.25},
                             {out.data() + begin * width(), end - begin, width()});
  }
};

template <class T>
void check_pieces(Index dim, Index piece) {
  const Sequence<T> sequence(75, 3, dim);
  Blocks<T> blocks(3, 2, 3, dim);
  std::vector<T> out(static_cast<std::size_t>(75 * sequence.width()));
  for (Index begin = 0; begin < 75; begin += piece) {
    sequence.run(2, {.blocks = blocks.list.data(), .length = begin},
                 std::min<Index>(75, begin + piece), out);
  }
  CHECK(same_bits(out, sequence.whole()));
}

TEST_CASE("attention with a cache has the bits of attention without") {
  for (const Index dim : {1, 5, 16, 20, 33, 64}) {
    for (const Index piece : {1, 2, 5, 20, 40, 75}) {
      CAPTURE(dim, piece);
      check_pieces<double>(dim, piece);
      for (const Isa isa : available_isas()) {
        const ScopedIsa use(isa);
        CAPTURE(to_string(isa));
        check_pieces<float>(dim, piece);
      }
    }
  }
}

TEST_CASE("a started block is taken over from another sequence, which keeps it") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Index begin : {33, 40, 48, 63}) {
      CAPTURE(to_string(isa), begin);
      const Sequence<float> sequence(70, 2, 20);
      Blocks<float> first(3, 2, 2, 20);
      std::vector<float> out(static_cast<std::size_t>(70 * sequence.width()));
      sequence.run(1, {.blocks = first.list.data()}, begin, out);
      const std::vector<float> before = first.memory[1];
      Blocks<float> other(3, 2, 2, 20);
      other.list[0] = first.list[0];
      sequence.run(1, {.blocks = other.list.data(), .source = first.list[1], .length = begin}, 64,
                   out);
      sequence.run(1, {.blocks = other.list.data(), .length = 64}, 70, out);
      CHECK(same_bits(out, sequence.whole()));
      CHECK(same_bits(first.memory[1], before));
    }
  }
}

TEST_CASE("NaN in a cached row reaches no earlier row and no other head") {
  const Index width = 2 * 8;
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    for (const Index part : {0, 1, 2}) {
      Sequence<float> sequence(40, 2, 8);
      const std::vector<float> clean = sequence.whole();
      sequence.qkv[static_cast<std::size_t>((20 * 3 + part) * width + 3)] =
          std::numeric_limits<float>::quiet_NaN();
      Blocks<float> blocks(2, 2, 2, 8);
      std::vector<float> out(clean.size());
      sequence.run(1, {.blocks = blocks.list.data()}, 40, out);
      CAPTURE(to_string(isa), part);
      const auto row = [&](const std::vector<float>& x, Index i, Index head) {
        const auto at = x.begin() + i * width + head * 8;
        return std::vector<float>(at, at + 8);
      };
      for (Index i = 0; i < 40; ++i) {
        if (i < 20) CHECK(same_bits(row(out, i, 0), row(clean, i, 0)));
        CHECK(same_bits(row(out, i, 1), row(clean, i, 1)));
      }
      CHECK(std::isnan(row(out, 20, 0)[3]));
    }
  }
}

}  // namespace
