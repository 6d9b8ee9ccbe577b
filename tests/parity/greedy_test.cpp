// SPDX-License-Identifier: MIT
// Greedy generation against transformers' generate, with and without adapters.

#include <solo/adapters/adapters.hpp>
#include <solo/generate/generate.hpp>
#include <solo/nn/gpt2.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

TEMPLATE_TEST_CASE("greedy: ids are those of transformers", "[parity]", float, double) {
  for (const auto& c : solo::test::golden_cases("greedy")) {
    INFO("case " << c.name);
    auto model = solo::GPT2<TestType>::from_pretrained(c.folder("model"), {.threads = 1});
    if (c.has_adapter()) model.load_adapter("golden", c.folder("adapter"));
    std::vector<std::vector<int>> prompts;
    std::vector<std::vector<int>> expected;
    for (const solo::Json& run : c.json.at("runs")) {
      const auto prompt = run.at("prompt").template get<std::vector<int>>();
      const auto ids = run.at("output_ids").template get<std::vector<int>>();
      const int eos = run.at("eos_token_id").template get<int>();
      const auto length = run.at("max_new_tokens").template get<solo::Index>();
      const std::vector<std::vector<int>> alone = {prompt};
      const auto out =
          solo::generate_ids(model, alone, {.max_new_tokens = length, .eos_token_id = eos});
      REQUIRE(out.size() == 1);
      CHECK(out.front() == ids);
      if (eos != model.config().eos_token_id) continue;
      prompts.push_back(prompt);
      expected.push_back(ids);
    }
    // Together they are ragged: a sequence's ids do not depend on its neighbours. The eos is the
    // model's.
    CHECK(solo::generate_ids(model, prompts, {.max_new_tokens = 40}) == expected);
  }
}
