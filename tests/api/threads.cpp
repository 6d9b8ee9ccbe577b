// SPDX-License-Identifier: MIT
// Section 2: one model serves many threads at once, and each gets the bits it gets alone.
#include <solo/solo.hpp>

#include "support.hpp"

#include <functional>
#include <string>
#include <thread>
#include <vector>

using solo::test::require;

int main() {
  auto writable = solo::GPT2<float>::from_pretrained(solo::test::model_dir(), {.threads = 2});
  writable.add_adapter("laptop", solo::SoloConfig{.r = 4});
  writable.add_adapter("hotel", solo::LoraConfig{.r = 4});
  const solo::GPT2<float>& model = writable;
  const auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  const auto data =
      solo::Dataset::from_pairs({{"The Eagle", "is a pub"}, {"The Mill", "is not"}}, tokenizer);
  const auto bytes = [](double x) {
    return std::string(reinterpret_cast<const char*>(&x), sizeof x);
  };
  const std::vector<std::function<std::string()>> calls = {
      [&] { return solo::generate(model, tokenizer, "Once", {.max_new_tokens = 24}); },
      [&] {
        return solo::generate(model, tokenizer, "Once", {.max_new_tokens = 24, .num_beams = 4});
      },
      [&] {
        return solo::generate(model, tokenizer, "name : X",
                              {.max_new_tokens = 24, .do_sample = true, .seed = 3, .adapter = ""});
      },
      [&] {
        const auto logits = model.logits(tokenizer.encode("The same bits"));
        return std::string(reinterpret_cast<const char*>(logits.data()),
                           static_cast<std::size_t>(logits.size()) * sizeof(float));
      },
      [&] { return bytes(model.score(data).loss); },
      [&] { return bytes(model.score(data, {.adapter = "laptop"}).loss); },
      [&] { return bytes(model.score(data.batch({.step = 3, .size = 2})).loss); },
      [&] {
        return solo::generate(model, tokenizer, "Once",
                              {.max_new_tokens = 24, .adapter = "laptop"});
      },
      [&] { return tokenizer.decode(tokenizer.encode("Every thread has its own text")); },
      [&] {  // each thread its own cache
        solo::KeyValueCache<float> cache(model.config(), 1, 8);
        solo::Batch batch;
        batch.ids = {1, 2, 3};
        batch.segments = {{.length = 3}};
        const std::vector<solo::Index> first = {0};
        return bytes(static_cast<double>(model.next_logits(batch, cache, first)(0, 5)));
      },
      [&] {
        std::string names = model.active_adapter();
        for (const std::string& name : model.adapter_names()) names += name;
        return names + bytes(static_cast<double>(model.parameter_count()));
      }};

  std::vector<std::string> alone;
  for (const auto& call : calls) alone.push_back(call());
  std::vector<std::string> at_once(4 * calls.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    threads.emplace_back([&, i] { at_once[i] = calls[i % calls.size()](); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    require(at_once[i] == alone[i % calls.size()], "at once as alone");
  }
}
