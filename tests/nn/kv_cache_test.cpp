// SPDX-License-Identifier: MIT
// Sequences that share their beginnings in a cache.
#include <solo/nn/gpt2.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace solo;

namespace {

/// Runs one more token of every sequence.
Matrix<float> run_next(const GPT2<float>& model, KeyValueCache<float>& cache,
                       const std::vector<int>& tokens) {
  Batch batch;
  std::vector<Index> sequences;
  for (const int token : tokens) {
    const auto sequence = static_cast<Index>(sequences.size());
    batch.segments.push_back(
        {.begin = batch.rows(), .length = 1, .position = cache.length(sequence)});
    batch.ids.push_back(token);
    sequences.push_back(sequence);
  }
  return as_eigen(model.next_logits(batch, cache, sequences));
}

/// Runs a first pass of one sequence.
void run_prompt(const GPT2<float>& model, KeyValueCache<float>& cache,
                const std::vector<int>& tokens) {
  Batch prompt;
  prompt.ids = tokens;
  prompt.segments = {{.length = prompt.rows()}};
  (void)model.next_logits(prompt, cache, std::vector<Index>{0});
}

/// Throws in one of the layers when told to.
struct Failing final : LinearAdapter<float> {
  Parameter<float> unused{"unused", {1}};
  bool fails = false;
  std::vector<Parameter<float>*> parameters() override { return {&unused}; }
  std::vector<LinearSite> sites() const override { return {{.layer = 2}}; }
  Var<float> apply(Tape<float>&, const LinearCall<float>& call) override {
    if (fails) throw std::runtime_error("stopped");
    return call.y;
  }
};

}  // namespace

TEST_CASE(
    "reordered sequences share their beginning and go on apart, with the bits of a full pass") {
  const auto model = GPT2<float>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 2});
  // Beginnings that end before, at and behind the end of a block.
  for (const Index length : {KeyValueCache<float>::kBlock - 1, KeyValueCache<float>::kBlock,
                             KeyValueCache<float>::kBlock + 5}) {
    CAPTURE(length);
    std::vector<int> beginning;
    for (Index i = 0; i < length; ++i) beginning.push_back(static_cast<int>(7 * i % 512));
    KeyValueCache<float> cache(model.config(), 1, model.config().n_positions);
    run_prompt(model, cache, beginning);

    std::vector<std::vector<int>> sequences(3, beginning);
    cache.reorder(std::vector<Index>{0, 0, 0});
    const std::vector<std::vector<int>> steps = {{1, 2, 3}, {4, 4, 4}, {5, 6, 7}, {8, 9, 8}};
    const std::vector<std::vector<Index>> orders = {{0, 1, 2}, {2, 2, 0}, {1, 0, 1}, {0, 0, 1}};
    for (std::size_t step = 0; step < steps.size(); ++step) {
      const Matrix<float> next = run_next(model, cache, steps[step]);
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        sequences[i].push_back(steps[step][i]);
        const Matrix<float> full = model.logits(sequences[i]);
        CHECK(next.row(static_cast<Index>(i)) == full.row(full.rows() - 1));
      }
      std::vector<std::vector<int>> reordered;
      for (const Index parent : orders[step]) {
        reordered.push_back(sequences[static_cast<std::size_t>(parent)]);
      }
      sequences = reordered;
      cache.reorder(orders[step]);
      CHECK(cache.sequences() == 3);
      CHECK(cache.length(2) == static_cast<Index>(sequences[2].size()));
    }
  }
}

TEST_CASE("a pass that fails leaves the cache as it was") {
  auto model = GPT2<float>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 2});
  auto adapter = std::make_unique<Failing>();
  Failing& failing = *adapter;
  model.add_adapter("failing", std::move(adapter));
  std::vector<int> ids(31, 3);
  KeyValueCache<float> cache(model.config(), 1, model.config().n_positions);
  run_prompt(model, cache, ids);
  cache.reorder(std::vector<Index>{0, 0, 0});
  const Index blocks = cache.blocks();
  for (int step = 0; step < 3; ++step) {  // the second one begins a block
    failing.fails = true;
    CHECK_THROWS_AS(run_next(model, cache, {1, 2, 4}), std::runtime_error);
    CHECK(cache.length(0) == static_cast<Index>(ids.size()));
    if (step == 1) cache.reorder(std::vector<Index>{1, 0, 2});
    failing.fails = false;
    const Matrix<float> next = run_next(model, cache, {4, 4, 4});
    ids.push_back(4);
    const Matrix<float> full = model.logits(ids);
    for (Index i = 0; i < 3; ++i) CHECK(next.row(i) == full.row(full.rows() - 1));
  }
  CHECK(cache.blocks() <= blocks + 5);  // a copy of the first for two, a second for three
}

TEST_CASE("blocks that no sequence uses any more are used again") {
  const auto model = GPT2<float>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 1});
  KeyValueCache<float> cache(model.config(), 1, model.config().n_positions);
  run_prompt(model, cache, std::vector<int>(40, 3));
  CHECK(cache.blocks() == 2);
  cache.reorder(std::vector<Index>{0, 0, 0});
  for (int step = 0; step < 10; ++step) {
    (void)run_next(model, cache, {1, 2, 4});
    cache.reorder(std::vector<Index>{2, 2, 2});
  }
  CHECK(cache.blocks() == 4);  // the full one, and a started one a sequence
  CHECK(cache.length(1) == 50);
  cache.reorder(std::vector<Index>{1});
  CHECK(cache.sequences() == 1);
  cache.prepare(3, 6);
  CHECK(cache.blocks() == 6);
  CHECK(cache.length(0) == 50);
}
