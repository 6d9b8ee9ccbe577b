// SPDX-License-Identifier: MIT
// A training step takes no memory from the system once one as large has been seen: from gathering
// the batch to the callback, for every method, on several threads, with batches of all lengths.
#include <solo/solo.hpp>

#include "count_allocations.hpp"
#include "support.hpp"

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using solo::Index;
using solo::test::require;

/// Examples of 2 to 60 tokens; pairs of them have a context in common.
solo::Dataset ragged_data() {
  std::vector<solo::Example> examples;
  const solo::Philox random(3);
  for (int i = 0; i < 22; ++i) {
    const auto draw = [&random, i](int j) {
      return static_cast<int>(random.block(static_cast<std::uint64_t>(i * 1000 + j))[0] % 500);
    };
    solo::Example example;
    const int context = 1 + draw(0) % 30 / (1 + i % 3);
    for (int j = 0; j < context; ++j) example.ids.push_back((i / 2 * 7 + j) % 500);
    for (int j = 0; j < 1 + draw(1) % 30; ++j) example.ids.push_back(draw(2 + j));
    example.labels = example.ids;
    std::fill_n(example.labels.begin(), context, solo::kIgnoreIndex);
    example.context_length = context;
    examples.push_back(std::move(example));
  }
  return solo::Dataset::from_ids(std::move(examples));
}

/// Whether each of the step's batches is no larger than one that earlier steps had in its place.
class LargestBatches {
 public:
  LargestBatches(const solo::Dataset& data, const solo::TrainerOptions& options)
      : data_(data), options_(options), plan_(options, data.size()) {
    largest_.resize(static_cast<std::size_t>(options.gradient_accumulation_steps));
  }

  bool seen(std::int64_t step) {
    bool all = true;
    const solo::BatchWindow window = plan_.window(step);
    for (std::int64_t i = 0; i < window.count; ++i) {
      const solo::Batch batch = data_.batch({.seed = options_.seed,
                                             .step = window.first + i,
                                             .size = options_.batch_size,
                                             .share_context = options_.share_context});
      const auto larger = [&all](Index& most, Index found) {
        all = all && found <= most;
        most = std::max(most, found);
      };
      Sizes& most = largest_[static_cast<std::size_t>(i)];
      larger(most.rows, batch.rows());
      larger(most.scored, batch.scored_tokens);
      larger(most.segments, static_cast<Index>(batch.segments.size()));
      larger(most.examples, batch.examples);
    }
    return all;
  }

 private:
  struct Sizes {
    Index rows = 0;
    Index scored = 0;
    Index segments = 0;
    Index examples = 0;
  };
  const solo::Dataset& data_;
  const solo::TrainerOptions& options_;
  solo::TrainPlan plan_;
  std::vector<Sizes> largest_;
};

/// Trains and requires that no step allocates whose batches are not larger than those before.
void check(solo::GPT2<float>& model, const solo::Dataset& data, solo::TrainerOptions options,
           const char* method) {
  options.max_steps = 80;
  options.logging_steps = 1000;
  options.batch_size = 4;
  solo::Trainer<float> trainer(model, options);
  LargestBatches largest(data, options);
  // A prefix cache grows all through the first epoch.
  const bool caches = options.prefix_cache.mode != solo::PrefixCacheMode::off;
  const std::int64_t filled = caches ? data.steps_per_epoch(options.batch_size) : 0;
  int warm = 0;
  std::vector<std::int64_t> found;
  std::int64_t before = 0;
  trainer.on_step([&](const solo::StepInfo& step) {
    const std::int64_t count = allocations.load() - before;
    const bool seen = largest.seen(step.step);
    if (seen && step.step > filled) {
      ++warm;
      if (count != 0) found.push_back(step.step);
    }
    before = allocations.load();
  });
  trainer.train(data);
  if (!found.empty()) {
    std::cerr << method << ": steps that allocate:";
    for (const std::int64_t step : found) std::cerr << ' ' << step;
    std::cerr << '\n';
  }
  require(warm > 40, "most steps are no larger than one before");
  require(found.empty(), "a warm step allocates nothing");
}

template <class Config>
void check_method(const solo::Dataset& data, const Config& config,
                  const solo::TrainerOptions& options, const char* method) {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir(), {.threads = 3});
  if constexpr (!std::is_same_v<Config, std::nullptr_t>) {
    model.add_adapter("an adapter whose name is a long one", config);
  }
  check(model, data, options, method);
}

}  // namespace

int main() {
  {
    const std::int64_t before = allocations.load();
    // By name: compilers may leave out what a new expression or a container would take.
    ::operator delete(::operator new(1));
    constexpr std::align_val_t kLine{64};
    ::operator delete(::operator new(1, kLine), kLine);
    require(allocations.load() == before + 2, "allocations are counted");
  }
  const solo::Dataset data = ragged_data();
  check_method(data, solo::LoraConfig{.r = 4}, {}, "LoRA");
  check_method(data,
               solo::LoraConfig{.r = 4, .lora_dropout = 0.1, .bias = solo::LoraBias::lora_only},
               {.model_dropout = true}, "LoRA with dropout and biases");
  check_method(
      data,
      solo::LoraConfig{.r = 2, .lora_dropout = 0.1, .target_modules = {"c_attn", "wte", "lm_head"}},
      {}, "LoRA on embedding and head");
  check_method(data, solo::LoraConfig{.r = 2, .use_dora = true}, {.share_context = true}, "DoRA");
  check_method(data, solo::LoraConfig{.r = 2, .lora_dropout = 0.1, .use_dora = true}, {},
               "DoRA with dropout");
  check_method(data, solo::SoloConfig{.r = 8}, {.share_context = true}, "Solo");
  check_method(data, solo::SoloConfig{.r = 8, .stride = 1, .dropout = 0.1},
               {.gradient_accumulation_steps = 2}, "Solo with dropout, accumulated");
  check_method(data, solo::BitFitConfig{}, {.share_context = true}, "BitFit");
  check_method(data, solo::LayerNormConfig{}, {}, "LayerNorm tuning");
  check_method(data, solo::SoloConfig{.r = 8, .stride = 1}, {.gradient_checkpointing = true},
               "Solo with checkpointing");
  check_method(data, nullptr, {.gradient_checkpointing = true}, "full, with checkpointing");
  check_method(data, solo::SoloConfig{.r = 8},
               {.prefix_cache = {.mode = solo::PrefixCacheMode::memory}}, "Solo with prefix cache");
  check_method(data, nullptr, {.label_smoothing = 0.1, .model_dropout = true}, "full fine-tuning");
}
