// SPDX-License-Identifier: MIT
// A warm decoding step allocates nothing: every way to decode, and passes with adapters.
#include <solo/solo.hpp>

#include "count_allocations.hpp"
#include "support.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

using solo::Index;
using solo::test::require;

namespace {

/// Changes nothing, and notes at every pass how many allocations there have been.
struct PassCounter final : solo::LinearAdapter<float> {
  solo::Parameter<float> unused{"unused", {1}};
  std::vector<std::int64_t> seen;

  PassCounter() { seen.reserve(1000); }
  std::vector<solo::Parameter<float>*> parameters() override { return {&unused}; }
  std::vector<solo::LinearSite> sites() const override { return {{}}; }
  solo::Var<float> apply(solo::Tape<float>&, const solo::LinearCall<float>& call) override {
    seen.push_back(allocations);
    return call.y;
  }
};

solo::GPT2<float> model() {
  solo::GPT2Config config;
  config.vocab_size = 512;
  config.n_positions = 80;
  config.n_embd = 32;
  config.n_layer = 4;
  config.n_head = 2;
  return solo::GPT2<float>(config, {.threads = 2});
}

/// Steps from the fourth pass on; among them a block of the cache begins.
void check_generation(const char* what, solo::GenerateOptions options) {
  solo::GPT2<float> decoder = model();
  auto adapter = std::make_unique<PassCounter>();
  PassCounter& counter = *adapter;
  decoder.add_adapter("counter", std::move(adapter));
  const std::vector<std::vector<int>> prompts = {{5, 6, 7}, {9}, {100, 101, 102, 103, 104}};
  options.max_new_tokens = 70;
  options.eos_token_id = -1;
  const auto ids = solo::generate_ids<float>(decoder, prompts, options);
  require(counter.seen.size() == 70 && ids.front().size() == 70, "all steps ran");
  require(counter.seen.front() > 0, "allocations are counted");
  for (std::size_t i = 4; i < counter.seen.size(); ++i) {
    if (counter.seen[i] == counter.seen[i - 1]) continue;
    const std::string message =
        solo::concat(what, ": step ", i, " made ", counter.seen[i] - counter.seen[i - 1]);
    require(false, message.c_str());
  }
}

/// Passes of two sequences, the cache reordered in between.
void check_passes(const char* what, const solo::GPT2<float>& decoder) {
  solo::KeyValueCache<float> cache(decoder.config(), 2, 80);
  cache.prepare(2, 6);
  solo::Batch batch;
  batch.ids = {1, 2};
  batch.segments = {{.begin = 0, .length = 1}, {.begin = 1, .length = 1}};
  const std::vector<Index> sequences = {0, 1};
  const std::vector<Index> parents = {1, 1};
  for (Index step = 0; step < 80; ++step) {
    const long before = allocations;
    for (solo::Segment& s : batch.segments) s.position = step;
    (void)decoder.next_logits(batch, cache, sequences);
    cache.reorder(step % 3 == 0 ? parents : sequences);
    if (step > 2) require(allocations == before, what);
  }
  require(cache.blocks() == 6, "no more blocks than prepared");
}

}  // namespace

int main() {
  check_generation("greedy", {.num_beams = 1, .do_sample = false});
  check_generation("processors", {.no_repeat_ngram_size = 3, .repetition_penalty = 1.2});
  check_generation("sampling", {.do_sample = true,
                                .temperature = 0.8,
                                .top_k = 20,
                                .top_p = 0.9,
                                .min_p = 0.01,
                                .num_return_sequences = 2});
  check_generation("bans and biases", {.min_new_tokens = 3,
                                       .typical_p = 0.9,
                                       .epsilon_cutoff = 1e-4,
                                       .bad_words_ids = {{3}, {4, 5}},
                                       .suppress_tokens = {7, 8},
                                       .sequence_bias = {{{1, 2}, -2.0}}});
  check_generation("beams", {.num_beams = 4, .no_repeat_ngram_size = 3});
  check_generation(
      "lora beams",
      {.num_beams = 4, .beam_style = solo::BeamStyle::lora, .no_repeat_ngram_size = 3});
  check_generation("beam sampling", {.num_beams = 3, .do_sample = true, .top_p = 0.95});
  const auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  check_generation("stop strings",
                   {.stop_strings = {"a text that does not come"}, .tokenizer = &tokenizer});

  solo::GPT2<float> decoder = model();
  check_passes("a pass of the base", decoder);
  decoder.add_adapter("lora", solo::LoraConfig{.r = 4});
  check_passes("a pass with LoRA", decoder);
  decoder.add_adapter("tables", solo::LoraConfig{.r = 4, .target_modules = {"wte", "lm_head"}});
  check_passes("a pass with LoRA on embedding and head", decoder);
  decoder.add_adapter("solo", solo::SoloConfig{});
  check_passes("a pass with Solo", decoder);
}
