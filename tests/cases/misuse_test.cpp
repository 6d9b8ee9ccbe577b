// SPDX-License-Identifier: MIT
// Calls that would reach beyond a cache, and adapters that callbacks change under a run.
#include <solo/adapters/adapters.hpp>
#include <solo/data/dataset.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/kv_cache.hpp>
#include <solo/train/trainer.hpp>

#include "support/catch.hpp"

#include <limits>
#include <string>
#include <vector>

using namespace solo;

namespace {

constexpr GPT2Config kSmall{
    .vocab_size = 64, .n_positions = 64, .n_embd = 32, .n_layer = 2, .n_head = 4};

Batch one(std::vector<int> ids, Index position = 0) {
  Batch b;
  b.segments = {{.begin = 0, .length = static_cast<Index>(ids.size()), .position = position}};
  b.ids = std::move(ids);
  return b;
}

}  // namespace

TEST_CASE("a cache refuses sequences, positions and configurations that are not its own") {
  const GPT2<float> model(kSmall, {.threads = 1});
  KeyValueCache<float> cache(kSmall, 1, 64);
  const std::vector<Index> zero{0};
  const std::vector<Index> far{100000};
  const std::vector<Index> negative{-1};
  const std::vector<Index> twice{0, 0};
  const std::vector<Index> seven{7};

  CHECK_THROWS_AS((void)model.next_logits(one({1, 2, 3}), cache, far), Error);
  CHECK_THROWS_AS((void)model.next_logits(one({1, 2, 3}), cache, negative), Error);
  GPT2Config other_config = kSmall;
  other_config.n_embd = 8;
  other_config.n_layer = 1;
  other_config.n_head = 1;
  KeyValueCache<float> other(other_config, 1, 64);
  CHECK_THROWS_AS((void)model.next_logits(one({1, 2, 3}), other, zero), Error);
  Batch halves;
  for (int i = 0; i < 32; ++i) halves.ids.push_back(i);
  halves.segments = {{.begin = 0, .length = 16}, {.begin = 16, .length = 16}};
  CHECK_THROWS_AS((void)model.next_logits(halves, cache, twice), Error);
  for (const Index position : {Index{64}, std::numeric_limits<Index>::max() - 1, Index{-1}}) {
    CHECK_THROWS_AS((void)model.next_logits(one({1, 2, 3}, position), cache, zero), Error);
  }
  CHECK(cache.length(0) == 0);

  (void)model.next_logits(one({1}), cache, zero);
  CHECK_THROWS_AS(cache.reorder(seven), Error);
  CHECK_THROWS_AS(cache.reorder(negative), Error);
  CHECK(cache.length(0) == 1);
}

TEST_CASE("a callback that changes the adapters of a run is told") {
  for (const std::string what : {"set", "delete", "disable", "add", "merge"}) {
    INFO(what);
    GPT2<float> model(
        {.vocab_size = 64, .n_positions = 32, .n_embd = 32, .n_layer = 4, .n_head = 4},
        {.threads = 1});
    model.add_adapter("b", SoloConfig{.r = 4});
    model.add_adapter("a", LoraConfig{});
    const Dataset data = Dataset::from_ids(std::vector<std::vector<int>>{{1, 2, 3}, {4, 5, 6}});
    Trainer<float> trainer(model, {.max_steps = 50, .batch_size = 2, .learning_rate = 0.01});
    int steps = 0;
    trainer.on_step([&](const StepInfo& info) {
      steps = static_cast<int>(info.step);
      if (info.step != 2) return;
      if (what == "set") model.set_adapter("b");
      if (what == "delete") model.delete_adapter("a");
      if (what == "disable") model.disable_adapters();
      if (what == "merge") (void)model.merge_adapter("a");
      if (what == "add") model.add_adapter("c", SoloConfig{.r = 4});
    });
    CHECK_THROWS_AS(trainer.train(data), Error);
    CHECK(steps == 2);
  }
}
