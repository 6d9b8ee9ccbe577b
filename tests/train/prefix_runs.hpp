// SPDX-License-Identifier: MIT
/// @file
/// Runs with a prefix cache: a model of six blocks, data that share contexts.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/train/train.hpp>

#include "support/catch.hpp"
#include "train/tiny.hpp"

#include <cstring>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

namespace solo::test::prefix {

inline GPT2Config config() {
  GPT2Config c = learner_config();
  c.n_layer = 6;
  return c;
}

/// Three examples for each of four contexts, and two without one; `shift` makes other ids.
inline Dataset contexts(int shift = 0) {
  std::vector<Example> examples;
  for (int i = 0; i < 14; ++i) {
    Example example;
    const int context = i < 12 ? 3 + i / 3 : 0;
    for (int t = 0; t < context; ++t) {
      example.ids.push_back((i / 3 * 5 + t + shift) % 23);
      example.labels.push_back(kIgnoreIndex);
    }
    for (int t = 0; t < 2 + i % 4; ++t) {
      example.ids.push_back((i + 3 * t) % 23);
      example.labels.push_back(example.ids.back());
    }
    example.context_length = context;
    examples.push_back(std::move(example));
  }
  return Dataset::from_ids(std::move(examples));
}

template <class T>
using Attach = std::function<void(GPT2<T>&)>;

/// A run and what it left.
struct Outcome {
  TrainResult result;
  std::vector<float> weights;
};

struct Run {
  Attach<float> attach;
  TrainerOptions options = {};
  int stop_after = 0;
  std::uint64_t base_seed = 5;
  int data_shift = 0;

  GPT2<float> model() const {
    GPT2<float> m(config(), {.threads = 2, .seed = base_seed});
    attach(m);
    return m;
  }
  Outcome operator()() const {
    GPT2<float> m = model();
    TrainerOptions o = options;
    o.epochs = 4;
    o.batch_size = 3;
    o.gradient_accumulation_steps = 2;
    o.learning_rate = 1e-2;
    Trainer<float> trainer(m, o);
    if (stop_after > 0) {
      trainer.on_step([this](const StepInfo& s) { return s.step == stop_after; });
    }
    Outcome outcome{.result = trainer.train(contexts(data_shift), tiny_data(4, 7)), .weights = {}};
    for (Parameter<float>* p : m.trainable_parameters()) {
      outcome.weights.insert(outcome.weights.end(), p->value().span().begin(),
                             p->value().span().end());
    }
    return outcome;
  }
};

inline Attach<float> add_solo(SoloConfig c = {.r = 3, .stride = 2, .dropout = 0.2}) {
  return [c](GPT2<float>& m) { m.add_adapter("a", c); };
}

inline void check_same(const Outcome& a, const Outcome& b) {
  CHECK(a.result.train_loss == b.result.train_loss);
  CHECK(a.result.eval_loss == b.result.eval_loss);
  REQUIRE(a.weights.size() == b.weights.size());
  CHECK(std::memcmp(a.weights.data(), b.weights.data(), a.weights.size() * sizeof(float)) == 0);
}

inline PrefixCacheOptions in_memory(DType dtype = DType::float32) {
  return {.mode = PrefixCacheMode::memory, .dtype = dtype};
}
inline PrefixCacheOptions in_file(const std::filesystem::path& file, DType dtype = DType::float32) {
  return {.mode = PrefixCacheMode::file, .file = file, .dtype = dtype};
}

}  // namespace solo::test::prefix
