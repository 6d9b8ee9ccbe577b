// SPDX-License-Identifier: MIT
#include <solo/core/rng.hpp>
#include <solo/data/batch.hpp>
#include <solo/data/dataset.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <numeric>

using solo::Batch;
using solo::Dataset;
using solo::Example;
using solo::Index;
using solo::kIgnoreIndex;
using solo::Segment;
using solo::test::check_throws;
using Ids = std::vector<int>;

namespace {

/// Examples of 3 ids, the first of which is the example's number.
Dataset numbered(int count) {
  std::vector<Ids> sequences;
  for (int i = 0; i < count; ++i) sequences.push_back({i, 1, 2});
  return Dataset::from_ids(sequences);
}

/// The numbers of the examples in a batch of numbered().
Ids numbers(const Batch& batch) {
  Ids out;
  for (const Segment& segment : batch.segments) {
    out.push_back(batch.ids[static_cast<std::size_t>(segment.begin)]);
  }
  return out;
}

bool same(const Batch& a, const Batch& b) {
  const auto equal = [](const Segment& x, const Segment& y) {
    return x.begin == y.begin && x.length == y.length && x.position == y.position &&
           x.parent == y.parent;
  };
  return a.ids == b.ids && a.targets == b.targets &&
         std::equal(a.segments.begin(), a.segments.end(), b.segments.begin(), b.segments.end(),
                    equal) &&
         a.examples == b.examples && a.scored_tokens == b.scored_tokens && a.seed == b.seed &&
         a.step == b.step;
}

/// Every predicted label with all the tokens it is predicted from, as a multiset.
std::map<std::pair<Ids, int>, int> predictions(const Batch& batch) {
  std::map<std::pair<Ids, int>, int> out;
  const auto tokens = [&](const Segment& s, Index count) {
    const auto first = batch.ids.begin() + s.begin;
    return Ids(first, first + count);
  };
  for (const Segment& segment : batch.segments) {
    Ids before;
    if (segment.parent >= 0) {
      const Segment& parent = batch.segments.at(static_cast<std::size_t>(segment.parent));
      REQUIRE(parent.parent == -1);
      REQUIRE(parent.position == 0);
      REQUIRE(parent.begin < segment.begin);
      before = tokens(parent, parent.length);
    }
    REQUIRE(segment.position == static_cast<Index>(before.size()));
    for (Index i = 0; i < segment.length; ++i) {
      const int target = batch.targets[static_cast<std::size_t>(segment.begin + i)];
      if (target == kIgnoreIndex) continue;
      Ids history = before;
      const Ids own = tokens(segment, i + 1);
      history.insert(history.end(), own.begin(), own.end());
      ++out[{history, target}];
    }
  }
  return out;
}

/// Segments lie end to end and cover all rows.
void check_layout(const Batch& batch) {
  Index row = 0;
  for (const Segment& segment : batch.segments) {
    REQUIRE(segment.begin == row);
    REQUIRE(segment.length > 0);
    row += segment.length;
  }
  REQUIRE(row == batch.rows());
  REQUIRE(batch.targets.size() == batch.ids.size());
  const auto scored = std::count_if(batch.targets.begin(), batch.targets.end(),
                                    [](int t) { return t != kIgnoreIndex; });
  REQUIRE(batch.scored_tokens == scored);
}

/// Each segment's ids are those of its example from its position on.
void check_examples(const Dataset& data, const Batch& batch) {
  REQUIRE(batch.segment_examples.size() == batch.segments.size());
  for (std::size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& s = batch.segments[i];
    const Ids& ids = data[batch.segment_examples[i]].ids;
    REQUIRE(s.position + s.length <= static_cast<Index>(ids.size()));
    CHECK(std::equal(ids.begin() + s.position, ids.begin() + s.position + s.length,
                     batch.ids.begin() + s.begin));
  }
}

}  // namespace

TEST_CASE("rows end with the last label, targets are shifted") {
  const Dataset data = Dataset::from_ids({Example{{1, 2, 3, 4}, {-100, -100, 3, 4}},
                                          Example{{5, 6, 7, 8}, {5, 6, 7, -100}},
                                          Example{{9, 9}, {-100, -100}}, Example{{9}, {}}});
  const std::vector<Index> all = {0, 1, 2, 3};
  const Batch batch = data.batch_of(all);
  CHECK(batch.ids == Ids{1, 2, 3, 5, 6});
  CHECK(batch.targets == Ids{-100, 3, 4, 6, 7});
  CHECK(batch.scored_tokens == 4);
  CHECK(batch.examples == 4);
  CHECK(batch.segments.size() == 2);
  CHECK(batch.segments[1].begin == 3);
  CHECK(batch.segments[1].position == 0);
  check_layout(batch);

  const Batch whole = data.batch_of(all, {.keep_last = true});
  CHECK(whole.ids == Ids{1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9});
  CHECK(whole.targets == Ids{-100, 3, 4, -100, 6, 7, -100, -100, -100, -100, -100});
  CHECK(whole.segments.size() == 4);
  check_layout(whole);
}

TEST_CASE("an epoch has every example once, the last batch may be short") {
  const Dataset data = numbered(11);
  CHECK(data.steps_per_epoch(4) == 3);
  CHECK(data.steps_per_epoch(11) == 1);
  CHECK(data.steps_per_epoch(100) == 1);
  std::vector<Ids> epochs;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    Ids order;
    for (std::int64_t i = 0; i < 3; ++i) {
      const Batch batch = data.batch({.seed = 9, .step = epoch * 3 + i, .size = 4});
      CHECK(batch.examples == (i < 2 ? 4 : 3));
      CHECK(batch.seed == 9);
      CHECK(batch.step == epoch * 3 + i);
      for (const int n : numbers(batch)) order.push_back(n);
    }
    Ids sorted = order;
    std::sort(sorted.begin(), sorted.end());
    Ids expected(11);
    std::iota(expected.begin(), expected.end(), 0);
    CHECK(sorted == expected);
    for (const Ids& other : epochs) CHECK(order != other);
    epochs.push_back(order);
  }
}

TEST_CASE("a batch is a pure function of data, seed and step") {
  const Dataset data = numbered(20);
  const Dataset copy = data;
  for (const std::int64_t step : std::vector<std::int64_t>{7, 0, 3, 7, 123456789012}) {
    CHECK(same(data.batch({.seed = 1, .step = step, .size = 3}),
               copy.batch({.seed = 1, .step = step, .size = 3})));
  }
  CHECK_FALSE(same(data.batch({.seed = 1}), data.batch({.seed = 2})));
  CHECK_FALSE(same(data.batch({.step = 0}), data.batch({.step = 1})));
}

TEST_CASE("without shuffling the file's order is kept in every epoch") {
  const Dataset data = numbered(5);
  for (const std::int64_t epoch : {0, 1}) {
    CHECK(numbers(data.batch({.step = 2 * epoch, .size = 3, .shuffle = false})) == Ids{0, 1, 2});
    CHECK(numbers(data.batch({.step = 2 * epoch + 1, .size = 3, .shuffle = false})) == Ids{3, 4});
  }
}

TEST_CASE("equal contexts share a parent that lacks their last token") {
  const Ids a = {1, 2, 3, 4, 5};
  const Ids b = {1, 2, 3, 6, 7};
  const Dataset data =
      Dataset::from_ids({Example{a, {-100, -100, -100, 4, 5}}, Example{{8, 9, 8}, {-100, 9, 8}},
                         Example{b, {-100, -100, -100, 6, 7}}});
  const std::vector<Index> all = {0, 1, 2};
  const Batch batch = data.batch_of(all, {.share_context = true});
  check_layout(batch);
  CHECK(batch.ids == Ids{1, 2, 3, 4, 8, 9, 3, 6});
  CHECK(batch.targets == Ids{-100, -100, 4, 5, 9, 8, 6, 7});
  REQUIRE(batch.segments.size() == 4);
  CHECK(batch.segments[0].length == 2);
  CHECK(batch.segments[0].parent == -1);
  CHECK(batch.segments[1].parent == 0);
  CHECK(batch.segments[1].position == 2);
  CHECK(batch.segments[2].parent == -1);
  CHECK(batch.segments[3].parent == 0);
  CHECK(batch.segments[3].position == 2);
  CHECK(batch.examples == 3);
  CHECK(predictions(batch) == predictions(data.batch_of(all)));
}

TEST_CASE("shuffled by context, an epoch has every example once and contexts together") {
  // Context of example i: 1 to 4 in turn, or none; the last id is its number.
  std::vector<Example> examples;
  for (int i = 0; i < 40; ++i) {
    const int context = i % 5;
    examples.push_back({{context, context, 9, 100 + i}, {-100, -100, -100, 100 + i}, 3});
    if (context == 0) examples.back() = {{9, 100 + i}, {-100, 100 + i}};
  }
  const Dataset data = Dataset::from_ids(std::move(examples));
  const auto order = [&](std::int64_t epoch, std::uint64_t seed, Index size) {
    Ids out;
    for (std::int64_t step = 0; step < data.steps_per_epoch(size); ++step) {
      const Batch batch = data.batch({.seed = seed,
                                      .step = epoch * data.steps_per_epoch(size) + step,
                                      .size = size,
                                      .share_context = true,
                                      .by_context = true});
      check_layout(batch);
      check_examples(data, batch);
      for (const int target : batch.targets) {
        if (target != kIgnoreIndex) out.push_back(target - 100);
      }
    }
    return out;
  };
  const Ids first = order(0, 42, 7);
  Ids sorted = first;
  std::sort(sorted.begin(), sorted.end());
  Ids all(40);
  std::iota(all.begin(), all.end(), 0);
  CHECK(sorted == all);
  int changes = 0;  // of the context, from one example to the next
  for (std::size_t i = 1; i < first.size(); ++i) {
    if (first[i] % 5 != first[i - 1] % 5) ++changes;
  }
  CHECK(changes <= 4 + 8);           // 4 groups of 8 among 8 that stand alone
  CHECK(order(0, 42, 40) == first);  // the size of a batch cuts, and moves nothing
  CHECK(order(0, 42, 7) == first);
  CHECK(order(1, 42, 7) != first);
  CHECK(order(0, 43, 7) != first);
}

TEST_CASE("a context with labels, of one token, or alone is not shared") {
  const std::vector<Index> all = {0, 1};
  const auto parents = [&](std::vector<Example> examples) {
    const Dataset data = Dataset::from_ids(std::move(examples));
    const Batch batch = data.batch_of(all, {.share_context = true});
    CHECK(same(batch, data.batch_of(all)));
  };
  parents({Example{{1, 2, 3, 4}, {1, 2, 3, 4}, 3}, Example{{1, 2, 3, 5}, {1, 2, 3, 5}, 3}});
  parents({Example{{1, 2}, {-100, 2}}, Example{{1, 3}, {-100, 3}}});
  parents({Example{{1, 2, 3}, {-100, -100, 3}}, Example{{4, 2, 3}, {-100, -100, 3}}});
}

TEST_CASE("shared and unshared batches predict the same labels from the same tokens") {
  const solo::Philox random(5);
  std::uint64_t draw = 0;
  const auto below = [&](std::uint64_t n) { return static_cast<int>(random.below(n, draw++)); };
  std::vector<Example> examples;
  for (int i = 0; i < 60; ++i) {
    Example example;
    const int context = below(4);
    for (int t = 0; t < context; ++t) example.ids.push_back(t < 2 ? 1 : below(2));
    for (int t = 0; t <= below(4); ++t) example.ids.push_back(below(3));
    example.labels = example.ids;
    for (int t = 0; t < context; ++t) example.labels[static_cast<std::size_t>(t)] = kIgnoreIndex;
    if (below(4) == 0) example.labels.back() = kIgnoreIndex;
    if (below(6) == 0) example.labels.assign(example.ids.size(), kIgnoreIndex);
    examples.push_back(std::move(example));
  }
  const Dataset data = Dataset::from_ids(std::move(examples));
  bool shared_some = false;
  for (std::int64_t step = 0; step < 40; ++step) {
    const Batch plain = data.batch({.step = step, .size = 7});
    const Batch shared = data.batch({.step = step, .size = 7, .share_context = true});
    check_layout(plain);
    check_layout(shared);
    CHECK(predictions(shared) == predictions(plain));
    CHECK(shared.scored_tokens == plain.scored_tokens);
    CHECK(shared.rows() <= plain.rows());
    check_examples(data, plain);
    check_examples(data, shared);
    shared_some = shared_some || shared.rows() < plain.rows();
  }
  CHECK(shared_some);
}

TEST_CASE("numbers out of range are errors") {
  const Dataset data = numbered(3);
  using solo::ConfigError;
  check_throws<ConfigError>([&] { return data[3]; }, "data.index", {"example 3", "0 to 2"});
  check_throws<ConfigError>([&] { return data[-1]; }, "data.index", {"-1"});
  const std::vector<Index> bad = {0, 7};
  check_throws<ConfigError>([&] { return data.batch_of(bad); }, "data.index", {"7"});
  check_throws<ConfigError>([&] { return data.subset(bad); }, "data.index", {"7"});
  check_throws<ConfigError>([&] { return data.batch({.size = 0}); }, "data.options", {"0"});
  check_throws<ConfigError>([&] { return data.batch({.step = -1}); }, "data.options", {"-1"});
  check_throws<ConfigError>([&] { return data.steps_per_epoch(-2); }, "data.options", {"-2"});
  const Dataset empty = data.subset({});
  CHECK(empty.size() == 0);
  CHECK(empty.steps_per_epoch(4) == 0);
  check_throws<ConfigError>([&] { return empty.batch(); }, "data.options", {"without examples"});
}
