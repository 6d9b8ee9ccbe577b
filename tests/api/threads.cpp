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
  writable.add_adapter("hotel", solo::LoraConfig{.r = 4});
  const solo::GPT2<float>& model = writable;
  const auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
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
