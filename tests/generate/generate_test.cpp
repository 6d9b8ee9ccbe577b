// SPDX-License-Identifier: MIT
// Greedy generation. Ids equal to transformers' are tested in tests/parity.
#include <solo/adapters/adapters.hpp>
#include <solo/generate/generate.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <string>
#include <vector>

using namespace solo;

namespace {

GPT2<float> make_model() {
  return GPT2<float>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 2});
}

const std::vector<std::vector<int>> kPrompts = {
    {5, 6, 7}, {9}, {100, 101, 102, 103, 104}, {511, 3}};

}  // namespace

TEST_CASE("each new token is the first of the largest logits") {
  const GPT2<float> model = make_model();
  for (const std::vector<int>& prompt : kPrompts) {
    const auto out =
        generate_ids(model, std::span(&prompt, 1), {.max_new_tokens = 12, .eos_token_id = -1});
    REQUIRE(out.size() == 1);
    REQUIRE(out[0].size() == 12);
    std::vector<int> ids = prompt;
    for (const int next : out[0]) {
      const Matrix<float> logits = model.logits(ids);
      Eigen::Index best = 0;
      logits.row(logits.rows() - 1).maxCoeff(&best);
      CHECK(next == static_cast<int>(best));
      ids.push_back(next);
    }
  }
}

TEST_CASE("prompts in one batch give the ids they give alone") {
  const GPT2<float> model = make_model();
  const GenerateOptions options = {.max_new_tokens = 20, .eos_token_id = -1};
  const auto together = generate_ids(model, kPrompts, options);
  for (std::size_t i = 0; i < kPrompts.size(); ++i) {
    CHECK(together[i] == generate_ids(model, std::span(&kPrompts[i], 1), options)[0]);
  }
  GenerateOptions small = options;
  small.batch_size = 1;
  CHECK(together == generate_ids(model, kPrompts, small));
}

TEST_CASE("a sequence ends with its eos, at the limit, or at n_positions") {
  const GPT2<float> model = make_model();
  const std::vector<int> prompt = {5, 6, 7};
  const auto run = [&](const GenerateOptions& o) {
    return generate_ids(model, std::span(&prompt, 1), o)[0];
  };
  const std::vector<int> free = run({.max_new_tokens = 12, .eos_token_id = -1});
  std::size_t first = 0;
  while (free[first] != free[5]) ++first;
  const std::vector<int> ended = run({.max_new_tokens = 12, .eos_token_id = free[5]});
  CHECK(ended ==
        std::vector<int>(free.begin(), free.begin() + static_cast<std::ptrdiff_t>(first) + 1));
  CHECK(run({.max_new_tokens = 0}).empty());
  // The token after the last position still has a prediction: n_positions - 3 + 1 new ones.
  CHECK(run({.max_new_tokens = 1000, .eos_token_id = -1}).size() ==
        static_cast<std::size_t>(model.config().n_positions - 3 + 1));
}

TEST_CASE("prompts out of range are refused with their number") {
  const GPT2<float> model = make_model();
  const auto failure = [&](const std::vector<std::vector<int>>& prompts) -> std::string {
    try {
      (void)generate_ids(model, prompts);
    } catch (const Error& e) {
      return concat(e.id(), ": ", e.what());
    }
    return "accepted";
  };
  CHECK(failure({{1}, {}}) == "sequence.empty: prompt 1 has no token");
  CHECK(failure({{1}, {512}}) ==
        "ids.range: prompt 1: token id 512 is not below the vocabulary size 512");
  CHECK(failure({std::vector<int>(65, 1)}) ==
        "sequence.length: prompt 0: 65 tokens are more than n_positions 64");
  CHECK_THROWS_AS(generate_ids(model, kPrompts, {.max_new_tokens = -1}), ConfigError);
  CHECK_THROWS_AS(generate_ids(model, kPrompts, {.batch_size = 0}), ConfigError);
  CHECK_THROWS_AS(generate_ids(model, kPrompts, {.adapter = "none"}), ConfigError);
}

TEST_CASE("text in, text out") {
  const GPT2<float> model = make_model();
  const auto tokenizer = Tokenizer::from_pretrained(test::golden_dir() / "text" / "tiny-bpe");
  const GenerateOptions options = {.max_new_tokens = 5, .append_separator = true};
  std::vector<int> ids = tokenizer.encode("name : Blue");
  ids.push_back(tokenizer.eos_token_id());
  const std::vector<int> out = generate_ids(model, std::span(&ids, 1), options)[0];
  CHECK(generate(model, tokenizer, "name : Blue", options) ==
        output_text(model, tokenizer, out, options));
}
