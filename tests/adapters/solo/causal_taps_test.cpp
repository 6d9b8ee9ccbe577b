// SPDX-License-Identifier: MIT
// Links that look at the tokens before their own.
#include <solo/adapters/adapters.hpp>
#include <solo/adapters/solo/causal_taps.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/autograd/gradcheck.hpp>
#include <solo/generate/generate.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

constexpr Index kWidth = 3;

/// Two sequences that share their first three rows, one of them shorter than the taps, and one of
/// its own.
const std::vector<Segment> kSegments = {{.begin = 0, .length = 3},
                                        {.begin = 3, .length = 4, .position = 3, .parent = 0},
                                        {.begin = 7, .length = 1, .position = 3, .parent = 0},
                                        {.begin = 8, .length = 2}};
/// By row: the rows before it, the nearest first.
const std::vector<std::vector<Index>> kBefore = {
    {},        {0}, {1, 0}, {2, 1, 0}, {3, 2, 1, 0}, {4, 3, 2, 1, 0}, {5, 4, 3, 2, 1, 0},
    {2, 1, 0}, {},  {8}};

struct Problem {
  Parameter<double> x{"x", {10, kWidth}};
  Parameter<double> e{"e", {kWidth}};
  Parameter<double> taps;
  Tensor<double> weights{{10, kWidth}};

  explicit Problem(Index count) : taps("taps", {count, kWidth}) {
    disturb<double>({&x, &e, &taps}, 1.0, 3);
    for (Index i = 0; i < weights.size(); ++i) {
      weights.data()[i] = std::sin(1.0 + static_cast<double>(i));
    }
  }
  Var<double> output(Tape<double>& tape, bool with_e) {
    // x enters through a product with the identity, so that it is a parameter of the loss.
    Tensor<double> identity({10, 10});
    for (Index i = 0; i < 10; ++i) identity.data()[i * 11] = 1.0;
    const Var<double> input = linear<double>(tape, tape.copy(identity.matrix()), {.weight = &x});
    return causal_taps<double>(
        tape, input, {.first = with_e ? &e : nullptr, .later = &taps, .segments = kSegments});
  }
};

}  // namespace

TEST_CASE("causal_taps is its definition, and its gradients those of differences", "[solo]") {
  for (const Index count : {1, 2, 5}) {
    for (const bool with_e : {true, false}) {
      CAPTURE(count, with_e);
      Problem p(count);
      Tape<double> tape;
      tape.begin({});
      const Var<double> y = p.output(tape, with_e);
      for (Index row = 0; row < 10; ++row) {
        for (Index j = 0; j < kWidth; ++j) {
          const auto x = [&](Index i) { return p.x.value().data()[i * kWidth + j]; };
          double want = (with_e ? p.e.value().data()[j] : 1.0) * x(row);
          const std::vector<Index>& before = kBefore[static_cast<std::size_t>(row)];
          for (std::size_t i = 0; i < before.size() && static_cast<Index>(i) < count; ++i) {
            want += p.taps.value().data()[static_cast<Index>(i) * kWidth + j] * x(before[i]);
          }
          CHECK(y.value()(row, j) == test::Approx(want).epsilon(1e-14));
        }
      }
      std::vector<Parameter<double>*> all = {&p.x, &p.taps};
      if (with_e) all.push_back(&p.e);
      for (const GradientCheck& check : check_gradients<double>(
               [&](Tape<double>& t) {
                 return weighted_sum<double>(t, p.output(t, with_e), p.weights.matrix());
               },
               all)) {
        CAPTURE(check.name);
        CHECK(check.relative_error <= 1e-8);
        CHECK(check.norm > 1e-3);
      }
    }
  }
}

TEST_CASE("causal_taps goes on where a sequence was cut, to the bit", "[solo]") {
  Problem p(3);
  Tape<double> tape;
  const auto run = [&](Index begin, Index count, const LinkHistory<double>& history) {
    const Segment segment{.length = count, .position = begin};
    tape.begin({.record = false});
    const Var<double> x = tape.copy(p.x.value().matrix().middle_rows(begin, count));
    const Var<double> y = causal_taps<double>(
        tape, x,
        {.first = &p.e, .later = &p.taps, .segments = {&segment, 1}, .histories = {&history, 1}});
    return std::vector<double>(y.value().data, y.value().data + count * kWidth);
  };
  std::vector<double> known(3 * kWidth);
  std::vector<double> next(3 * kWidth);
  const std::vector<double> whole = run(0, 10, {known.data(), next.data()});
  for (const std::vector<Index>& cuts : {std::vector<Index>{1, 1, 1, 1, 6}, {2, 5, 3}, {9, 1}}) {
    std::fill(known.begin(), known.end(), 0.0);
    std::vector<double> parts;
    Index done = 0;
    for (const Index count : cuts) {
      const std::vector<double> part = run(done, count, {known.data(), next.data()});
      parts.insert(parts.end(), part.begin(), part.end());
      known.swap(next);
      done += count;
    }
    CHECK(parts == whole);
  }
}

TEST_CASE("causal_taps refuses what does not fit", "[solo]") {
  Problem p(2);
  Tape<double> tape;
  tape.begin({.record = false});
  const Var<double> x = tape.create(10, kWidth, false);
  const auto call = [&](const CausalTapsArgs<double>& args) {
    return [&tape, x, args] { (void)causal_taps<double>(tape, x, args); };
  };
  check_throws<ConfigError>(call({.segments = kSegments}), "parameter.null", {"causal_taps"});
  Parameter<double> wide("links.0-4.taps", {2, kWidth + 1});
  check_throws<ShapeError>(call({.later = &wide, .segments = kSegments}), "shape.mismatch",
                           {"links.0-4.taps", "(2, 4)"});
  Parameter<double> flat("links.0-4.taps", {kWidth * 2});
  check_throws<ShapeError>(call({.later = &flat, .segments = kSegments}), "shape.mismatch",
                           {"links.0-4.taps", "(6,)"});
  check_throws<ShapeError>(call({.first = &wide, .later = &p.taps, .segments = kSegments}),
                           "shape.mismatch", {"links.0-4.taps"});
  check_throws<ShapeError>(call({.later = &p.taps}), "batch.segments", {"0 of 10 rows"});
  const std::vector<LinkHistory<double>> one(1);
  check_throws<ShapeError>(call({.later = &p.taps, .segments = kSegments, .histories = one}),
                           "shape.mismatch", {"1 histories for 4 segments"});
}

TEST_CASE("A link with taps sees the tokens before, and none after", "[solo]") {
  GPT2<double> model = tiny_model<double>();
  Adapter<double>& adapter = model.add_adapter("a", SoloConfig{.r = 3, .taps = 3});
  disturb(adapter.parameters(), 0.3, 8);
  const std::vector<int> ids = {1, 2, 3, 4, 5, 6};
  const Matrix<double> before = model.logits(ids);
  Parameter<double>& taps = tensor(adapter, "links.2-4.taps");
  taps.value().fill(0.0);
  const Matrix<double> without = model.logits(ids);
  CHECK(without.row(0) == before.row(0));  // nothing is before the first
  CHECK(without.row(1) != before.row(1));
  std::vector<int> other = ids;
  other.back() = 7;
  CHECK(model.logits(other).topRows(5) == without.topRows(5));
}

TEST_CASE("Beams, batches and shared contexts with taps are those of whole sequences", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  const SoloLinks links = {{0, 2}, {2, 4}, {4, 4}};
  disturb(model.add_adapter("a", SoloConfig{.r = 3, .links = links, .taps = 4}).parameters(), 0.4,
          8);
  const std::vector<std::vector<int>> prompts = {{1, 2, 3}, {4}, {5, 6, 7, 8, 9}};
  const GenerateOptions options{.max_new_tokens = 6, .num_beams = 4, .num_return_sequences = 4};
  const auto together = generate_ids(model, prompts, options);
  std::size_t at = 0;
  for (const std::vector<int>& prompt : prompts) {
    for (const std::vector<int>& ids : generate_ids(model, std::span(&prompt, 1), options)) {
      CHECK(ids == together[at++]);
    }
  }
  // The first beam is what greedy steps over whole sequences find where there is one beam.
  std::vector<int> whole = prompts[2];
  for (int i = 0; i < 6; ++i) {
    Index best = 0;
    const Matrix<float> logits = model.logits(whole);
    (void)logits.row(logits.rows() - 1).maxCoeff(&best);
    whole.push_back(static_cast<int>(best));
  }
  const auto greedy = generate_ids(model, std::span(&prompts[2], 1), {.max_new_tokens = 6});
  CHECK(std::vector<int>(whole.begin() + 5, whole.end()) == greedy.front());
}

TEST_CASE("A cache is of one history of links", "[solo]") {
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("taps", SoloConfig{.r = 3, .taps = 2});
  model.add_adapter("plain", SoloConfig{.r = 3});
  KeyValueCache<float> cache(model.config(), 1, 8);
  const std::vector<Index> sequences = {0};
  const auto pass = [&](const std::string& name, Index position) {
    Batch batch;
    batch.ids = {static_cast<int>(position) + 1};
    batch.segments = {{.length = 1, .position = position}};
    (void)model.next_logits(batch, cache, sequences, name);
  };
  pass("taps", 0);
  check_throws<ConfigError>([&] { pass("plain", 1); }, "cache.adapter",
                            {"sequence 0", "keeps 3 numbers", "keeps 0"});
  pass("taps", 1);
  CHECK(cache.length(0) == 2);
}
