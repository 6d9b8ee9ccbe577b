// SPDX-License-Identifier: MIT
// Calls with numbers that nothing has are errors that leave cache and model as they were.
#include <solo/nn/gpt2.hpp>
#include <solo/optim/adamw.hpp>

#include "support/bad_input.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

using namespace solo;
using test::check_throws;

namespace {

constexpr Index kMost = std::numeric_limits<Index>::max();
constexpr Index kLeast = std::numeric_limits<Index>::min();
const GPT2Config kConfig{
    .vocab_size = 64, .n_positions = 64, .n_embd = 32, .n_layer = 2, .n_head = 4};

Batch one(std::vector<int> ids, Index position = 0) {
  Batch batch;
  batch.ids = std::move(ids);
  batch.segments = {{.length = batch.rows(), .position = position}};
  return batch;
}

}  // namespace

TEST_CASE("a cache has the sequences, room and sizes it was made for", "[misuse]") {
  const auto make = [](const GPT2Config& config, Index sequences, Index capacity) {
    return [=] {
      KeyValueCache<float> cache(config, sequences, capacity);
      return 0;
    };
  };
  for (const Index capacity : {kLeast, Index{-1}, Index{0}, Index{65}, kMost}) {
    check_throws<ShapeError>(make(kConfig, 1, capacity), "cache.capacity",
                             {"1 to n_positions 64", std::to_string(capacity)});
  }
  for (const Index sequences : {kLeast, Index{-1}, Index{1} << 40, kMost}) {
    check_throws<ShapeError>(make(kConfig, sequences, 64), "cache.sequence",
                             {std::to_string(sequences)});
  }
  GPT2Config no_heads = kConfig;
  no_heads.n_head = 0;
  check_throws<ConfigError>(make(no_heads, 1, 64), "config.range", {"n_head"});

  KeyValueCache<float> cache(kConfig, 2, 40);
  for (const Index sequence : {kLeast, Index{-1}, Index{2}, kMost}) {
    const std::vector<std::string> named = {std::to_string(sequence), "the cache has 2"};
    check_throws<ShapeError>([&] { return cache.length(sequence); }, "cache.sequence", named);
    check_throws<ShapeError>([&] { return cache.view(sequence).length; }, "cache.sequence", named);
    check_throws<ShapeError>(
        [&] {
          cache.reserve(sequence, 1);
          return 0;
        },
        "cache.sequence", named);
    check_throws<ShapeError>(
        [&] {
          cache.advance(sequence, 1);
          return 0;
        },
        "cache.sequence", named);
    check_throws<ShapeError>(
        [&] {
          cache.reorder(std::vector<Index>{0, sequence});
          return 0;
        },
        "cache.sequence", named);
  }
  CHECK(cache.sequences() == 2);
  for (const Index rows : {kLeast, Index{-1}, Index{41}, kMost}) {
    check_throws<ShapeError>(
        [&] {
          cache.reserve(0, rows);
          return 0;
        },
        "cache.capacity", {std::to_string(rows), "room for 40"});
    check_throws<ShapeError>(
        [&] {
          cache.advance(0, rows);
          return 0;
        },
        "cache.capacity", {});
    check_throws<ShapeError>(
        [&] {
          cache.prepare(2, rows < 41 ? rows : 5);
          return 0;
        },
        "cache.capacity", {"0 to 4 blocks"});
  }
  check_throws<ShapeError>(
      [&] {
        cache.advance(0, 1);
        return 0;
      },
      "cache.capacity", {"room for 0"});
  check_throws<ShapeError>(
      [&] {
        cache.prepare(kMost, 1);
        return 0;
      },
      "cache.sequence", {});
  check_throws<ShapeError>([&] { return cache.logits(kMost, 8).rows; }, "shape.overflow", {});
}

TEST_CASE("a pass continues different sequences of a cache of its model", "[misuse]") {
  const GPT2<float> model(kConfig, {.threads = 1});
  KeyValueCache<float> cache(kConfig, 2, 64);
  const auto next = [&](const Batch& batch, KeyValueCache<float>& with,
                        const std::vector<Index>& sequences) {
    return [&, sequences] { return model.next_logits(batch, with, sequences).rows; };
  };
  const Batch prompt = one({1, 2, 3});
  for (const Index sequence : {kLeast, Index{-1}, Index{2}, Index{100000}, kMost}) {
    check_throws<ShapeError>(next(prompt, cache, {sequence}), "cache.sequence",
                             {std::to_string(sequence)});
  }
  Batch two = one({1, 2, 3, 4});
  two.segments = {{.begin = 0, .length = 2}, {.begin = 2, .length = 2}};
  check_throws<ShapeError>(next(two, cache, {1, 1}), "cache.sequence", {"sequence 1", "twice"});
  CHECK(cache.length(1) == 0);
  for (const auto change : {&GPT2Config::n_embd, &GPT2Config::n_layer, &GPT2Config::n_head}) {
    GPT2Config other = kConfig;
    other.*change *= 2;
    KeyValueCache<float> foreign(other, 1, 64);
    check_throws<ConfigError>(next(prompt, foreign, {0}), "cache.config",
                              {std::to_string(other.*change)});
  }
  for (const Index position : {kLeast, Index{-1}, Index{62}, Index{64}, kMost - 1, kMost}) {
    check_throws<ShapeError>(next(one({1, 2, 3}, position), cache, {0}), "sequence.length",
                             {position == 62 ? "65 tokens" : std::to_string(position)});
  }
  check_throws<ShapeError>(next(Batch{}, cache, {}), "sequence.empty", {});
  for (const Segment& bad :
       {Segment{.begin = kMost, .length = kMost}, Segment{.length = kMost}, Segment{.length = 0},
        Segment{.begin = kLeast, .length = 3}, Segment{.length = 3, .parent = 0},
        Segment{.length = 3, .parent = kMost}, Segment{.length = 3, .parent = kLeast}}) {
    Batch batch = prompt;
    batch.segments = {bad};
    check_throws<ShapeError>(next(batch, cache, {0}), "batch.segments", {"segment 0"});
  }
  // After all that the cache is as new.
  const Matrix<float> full = model.logits({1, 2, 3});
  CHECK(Matrix<float>(as_eigen(model.next_logits(prompt, cache, std::vector<Index>{1}))).row(0) ==
        full.row(2));
}

TEST_CASE("outputs of a pass have the sizes it writes", "[misuse]") {
  GPT2<float> model(kConfig, {.threads = 1});
  std::vector<float> memory(64 * 8);
  for (const auto& [rows, cols] : {std::pair<Index, Index>{2, 64}, {3, 63}, {4, 64}, {-3, -64}}) {
    const MatrixView<float> result(memory.data(), rows, cols);
    check_throws<ShapeError>(
        [&] {
          model.write_logits(std::vector<int>{1, 2, 3}, result);
          return 0;
        },
        "shape.mismatch", {"3 x 64", std::to_string(rows)});
  }
  using View = MatrixView<float>;
  for (const View& bad : {View(nullptr, 3, 64), View(memory.data(), 3, 64, 0),
                          View(memory.data(), 3, 64, 63), View(memory.data(), 3, 64, -64)}) {
    check_throws<ShapeError>(
        [&] {
          model.write_logits(std::vector<int>{1, 2, 3}, bad);
          return 0;
        },
        "shape.view", {"write_logits"});
  }
  check_throws<ConfigError>(
      [&] {
        model.save_pretrained("nothing-is-made", {.dtype = static_cast<DType>(99)});
        return 0;
      },
      "config.value", {"dtype", "99"});
  check_throws<ConfigError>(
      [&] {
        model.observe_links(one({1}), {});
        return 0;
      },
      "config.value", {"observe_links"});
  Tape<float> tape;
  for (Parameter<float>* p : model.parameters()) p->set_requires_grad(false);
  check_throws<ShapeError>(
      [&] {
        model.prefix_outputs(tape, one({1}), model.frozen_prefix(), {});
        return 0;
      },
      "shape.mismatch", {"prefix_outputs", "found 0"});
}

TEST_CASE("options of a loss are numbers in their ranges", "[misuse]") {
  GPT2<float> model(kConfig, {.threads = 1});
  Batch batch = one({1, 2, 3});
  batch.targets = {2, 3, kIgnoreIndex};
  Tape<float> tape;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto loss = [&](const LossOptions& options) {
    return [&, options] { return model.loss(tape, batch, options).rows(); };
  };
  for (const double bad : {-1.0, nan, std::numeric_limits<double>::infinity()}) {
    check_throws<ConfigError>(loss({.normalizer = bad}), "config.range", {"normalizer"});
    check_throws<ConfigError>(loss({.homotopy = bad}), "config.range", {"homotopy"});
    check_throws<ConfigError>(loss({.label_smoothing = bad}), "config.range", {"label_smoothing"});
  }
  for (const double bad : {1e-320, 1e-13, std::numeric_limits<double>::min()}) {
    check_throws<ConfigError>(loss({.normalizer = bad}), "config.range", {"normalizer"});
  }
  CHECK(loss({.normalizer = 1e-12})() == 1);
  CHECK(loss({})() == 1);
}

TEST_CASE("a base kept as bfloat16 trains only what is asked for", "[misuse]") {
  GPT2<float> model(kConfig, {.threads = 1, .frozen_dtype = DType::bfloat16});
  CHECK(model.trainable_parameters().empty());
  CHECK(model.trainable_parameter_count() == 0);
  check_throws<ConfigError>([&] { return AdamW<float>(model.trainable_parameters()); },
                            "optim.parameters", {"no parameter"});
  model.parameter("ln_f.weight").set_requires_grad(true);
  CHECK(model.trainable_parameters().size() == 1);
}
