// SPDX-License-Identifier: MIT
// Sequences that share their beginnings in a cache.
#include <solo/nn/gpt2.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

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
    Batch prompt;
    prompt.ids = beginning;
    prompt.segments = {{.length = length}};
    (void)model.next_logits(prompt, cache, std::vector<Index>{0});

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
