// SPDX-License-Identifier: MIT
// Every deterministic mode of generation, and the probabilities of sampling, against transformers'
// generate.

#include <solo/generate/generate.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include "parity/cases.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

namespace {

using solo::Index;

/// The options of a run, apart from its end tokens.
solo::GenerateOptions options_of(const solo::Json& json, const solo::Tokenizer& tokenizer) {
  solo::GenerateOptions options;
  for (const auto& [key, value] : json.items()) {
    if (key == "max_new_tokens") {
      options.max_new_tokens = value.get<Index>();
    } else if (key == "num_beams") {
      options.num_beams = value.get<Index>();
    } else if (key == "length_penalty") {
      options.length_penalty = value.get<double>();
    } else if (key == "no_repeat_ngram_size") {
      options.no_repeat_ngram_size = value.get<Index>();
    } else if (key == "repetition_penalty") {
      options.repetition_penalty = value.get<double>();
    } else if (key == "num_return_sequences") {
      options.num_return_sequences = value.get<Index>();
    } else if (key == "temperature") {
      options.temperature = value.get<double>();
    } else if (key == "top_k") {
      options.top_k = value.get<Index>();
    } else if (key == "top_p") {
      options.top_p = value.get<double>();
    } else if (key == "min_p") {
      options.min_p = value.get<double>();
    } else if (key == "typical_p") {
      options.typical_p = value.get<double>();
    } else if (key == "epsilon_cutoff") {
      options.epsilon_cutoff = value.get<double>();
    } else if (key == "eta_cutoff") {
      options.eta_cutoff = value.get<double>();
    } else if (key == "top_h") {
      options.top_h = value.get<double>();
    } else if (key == "stop_strings") {
      options.stop_strings = value.get<std::vector<std::string>>();
      options.tokenizer = &tokenizer;
    } else if (key != "eos_token_ids") {
      FAIL("unknown option " << key);
    }
  }
  return options;
}

/// The model of a case, with this generation_config.json.
template <class T>
solo::GPT2<T> model_with(const std::filesystem::path& folder, const solo::Json& generation_config) {
  const solo::test::TempDir copy;
  for (const char* name : {"config.json", "model.safetensors"}) {
    std::filesystem::copy(folder / name, copy.path() / name);
  }
  std::ofstream(copy.path() / "generation_config.json") << generation_config.dump();
  return solo::GPT2<T>::from_pretrained(copy.path(), {.threads = 1});
}

}  // namespace

TEMPLATE_TEST_CASE("decode: ids are those of transformers", "[parity]", float, double) {
  const auto tokenizer =
      solo::Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  for (const auto& c : solo::test::golden_cases("decode")) {
    const auto model = solo::GPT2<TestType>::from_pretrained(c.folder("model"), {.threads = 2});
    CHECK(c.json.at("runs").size() >= 100);
    for (const solo::Json& run : c.json.at("runs")) {
      INFO("prompt " << run.at("prompt").dump() << ", options " << run.at("options").dump());
      const std::vector<std::vector<int>> prompts = {
          run.at("prompt").template get<std::vector<int>>()};
      solo::GenerateOptions options = options_of(run.at("options"), tokenizer);
      const solo::Json ends = run.at("options").value("eos_token_ids", solo::Json::array());
      const auto expected = run.at("output_ids").template get<std::vector<std::vector<int>>>();
      if (ends.size() > 1) {
        CHECK(solo::generate_ids(model_with<TestType>(c.folder("model"), {{"eos_token_id", ends}}),
                                 prompts, options) == expected);
      } else {
        options.eos_token_id = ends.empty() ? -1 : ends.front().template get<int>();
        CHECK(solo::generate_ids(model, prompts, options) == expected);
      }
    }
  }
}

TEMPLATE_TEST_CASE("settings: generation_config.json acts as in transformers", "[parity]", float,
                   double) {
  for (const auto& c : solo::test::golden_cases("settings")) {
    CHECK(c.json.at("runs").size() >= 80);
    for (const solo::Json& run : c.json.at("runs")) {
      INFO("prompt " << run.at("prompt").dump() << ", config " << run.at("config").dump());
      const std::vector<std::vector<int>> prompts = {
          run.at("prompt").template get<std::vector<int>>()};
      CHECK(solo::generate_ids(model_with<TestType>(c.folder("model"), run.at("config")), prompts,
                               {.eos_token_id = run.at("config").contains("eos_token_id")
                                                    ? std::optional<int>()
                                                    : std::optional<int>(-1)}) ==
            run.at("output_ids").template get<std::vector<std::vector<int>>>());
    }
  }
}

TEMPLATE_TEST_CASE("warped: the probabilities of the first token are those of transformers",
                   "[parity]", float, double) {
  const auto tokenizer =
      solo::Tokenizer::from_pretrained(solo::test::golden_dir() / "text" / "tiny-bpe");
  for (const auto& c : solo::test::golden_cases("warped")) {
    const auto model = solo::GPT2<TestType>::from_pretrained(c.folder("model"), {.threads = 1});
    solo::test::Margin margin("warped probabilities " + solo::test::scalar_name<TestType>());
    for (const solo::Json& run : c.json.at("runs")) {
      const std::string where = run.at("options").dump();
      INFO(where);
      solo::GenerateOptions options = options_of(run.at("options"), tokenizer);
      options.do_sample = true;
      solo::detail::DecodingRules rules = solo::detail::decoding_rules(options, {});
      rules.end_tokens = run.at("options").value("eos_token_ids", std::vector<int>{});
      const auto prompt = run.at("prompt").template get<std::vector<int>>();
      const solo::Matrix<TestType> logits = model.logits(prompt);
      std::vector<TestType> scores(logits.row(logits.rows() - 1).begin(),
                                   logits.row(logits.rows() - 1).end());
      if (rules.num_beams > 1) solo::detail::log_softmax<TestType>(scores);
      solo::detail::process_scores<TestType>(scores, {prompt, 0}, rules);
      solo::detail::warp_scores<TestType>(scores, rules);
      solo::detail::log_softmax<TestType>(scores);
      std::vector<int> tokens;
      std::vector<double> probabilities;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (!std::isfinite(scores[i])) continue;
        tokens.push_back(static_cast<int>(i));
        probabilities.push_back(std::exp(static_cast<double>(scores[i])));
      }
      REQUIRE(tokens == run.at("tokens").template get<std::vector<int>>());
      const auto expected = run.at("probabilities").template get<std::vector<double>>();
      for (std::size_t i = 0; i < expected.size(); ++i) {
        margin.add(std::abs(probabilities[i] - expected[i]), 2e-6, where);
      }
    }
  }
}
