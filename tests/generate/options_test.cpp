// SPDX-License-Identifier: MIT
// Options of generation: ranges, combinations, generation_config.json.
#include "generate/tiny.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <limits>

using namespace solo;
using test::failure;
using test::kPrompts;
using test::tiny_model;

namespace {

/// tiny-gpt2 with this generation_config.json.
GPT2<float> model_with(const test::TempDir& dir, std::string_view generation_config) {
  for (const auto& entry : std::filesystem::directory_iterator(test::golden_dir() / "tiny-gpt2")) {
    std::filesystem::copy(entry.path(), dir.path() / entry.path().filename(),
                          std::filesystem::copy_options::overwrite_existing);
  }
  std::ofstream(dir.path() / "generation_config.json") << generation_config;
  return GPT2<float>::from_pretrained(dir.path(), {.threads = 1});
}

}  // namespace

TEST_CASE("options out of range are refused with their name and value") {
  const GPT2<float> model = tiny_model();
  const auto refused = [&](const GenerateOptions& options) {
    return failure([&] { (void)generate_ids(model, kPrompts, options); });
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(refused({.max_new_tokens = -1}) ==
        "config.range: max_new_tokens: expected at least 0, found -1");
  CHECK(refused({.num_beams = 0}) == "config.range: num_beams: expected 1 to 1024, found 0");
  CHECK(refused({.num_beams = 10000000}) ==
        "config.range: num_beams: expected 1 to 1024, found 10000000");
  CHECK(refused({.num_beams = 2, .length_penalty = nan}) ==
        "config.range: length_penalty: expected a finite number, found nan");
  CHECK(refused({.no_repeat_ngram_size = -1}) ==
        "config.range: no_repeat_ngram_size: expected at least 0, found -1");
  CHECK(refused({.repetition_penalty = 0.0}) ==
        "config.range: repetition_penalty: expected a finite number above 0, found 0");
  CHECK(refused({.do_sample = true, .temperature = 0.0}) ==
        "config.range: temperature: expected a finite number above 0, found 0");
  CHECK(refused({.do_sample = true, .temperature = nan}) ==
        "config.range: temperature: expected a finite number above 0, found nan");
  CHECK(refused({.do_sample = true, .top_k = -1}) ==
        "config.range: top_k: expected at least 0, found -1");
  CHECK(refused({.do_sample = true, .top_p = 0.0}) ==
        "config.range: top_p: expected 0 < x <= 1, found 0");
  CHECK(refused({.do_sample = true, .top_p = 1.5}) ==
        "config.range: top_p: expected 0 < x <= 1, found 1.5");
  CHECK(refused({.do_sample = true, .min_p = -0.5}) ==
        "config.range: min_p: expected 0 <= x <= 1, found -0.5");
  CHECK(refused({.num_return_sequences = 0}) ==
        "config.range: num_return_sequences: expected 1 to 1024, found 0");
  CHECK(refused({.batch_size = 0}) == "config.range: batch_size: expected at least 1, found 0");
  CHECK(refused({.adapter = "none"}).starts_with("adapter.unknown: "));
  // Without sampling its options mean nothing.
  CHECK(refused({.max_new_tokens = 1, .temperature = 0.0}) == "accepted");
}

TEST_CASE("options that exclude each other are refused") {
  const GPT2<float> model = tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const auto refused = [&](const GenerateOptions& options) {
    return failure([&] { (void)generate_ids(model, kPrompts, options); });
  };
  CHECK(refused({.num_beams = 2, .num_return_sequences = 3}) ==
        "generate.options: num_return_sequences: expected at most num_beams 2, found 3");
  CHECK(refused({.num_return_sequences = 2}) ==
        "generate.options: num_return_sequences: greedy decoding returns 1, found 2; set do_sample "
        "or num_beams");
  const auto sink = [](std::string_view) {};
  CHECK(refused({.on_token = sink}) == "generate.tokenizer: on_token needs a tokenizer");
  CHECK(refused({.stop_strings = {"x"}}) == "generate.tokenizer: stop_strings need a tokenizer");
  CHECK(refused({.stop_strings = {"x", ""}, .tokenizer = &tokenizer}) ==
        "generate.options: stop_strings: an empty string");
  CHECK(refused({.on_token = sink, .tokenizer = &tokenizer}) ==
        "generate.options: on_token: expected one prompt, found 4");
  CHECK(
      refused({.num_beams = 2, .on_token = sink, .tokenizer = &tokenizer}) ==
      "generate.options: on_token: expected num_beams 1 and num_return_sequences 1, found 2 and 1");
  CHECK(
      refused({.do_sample = true,
               .num_return_sequences = 2,
               .on_token = sink,
               .tokenizer = &tokenizer}) ==
      "generate.options: on_token: expected num_beams 1 and num_return_sequences 1, found 1 and 2");
}

TEST_CASE("generation_config.json says what the options do not") {
  const test::TempDir dir;
  const GPT2<float> plain = tiny_model();
  const GPT2<float> model = model_with(
      dir, R"({"eos_token_id": null, "num_beams": 3, "no_repeat_ngram_size": 2, "top_k": null,
               "max_length": 33})");
  const auto run = [&](const GPT2<float>& m, GenerateOptions options) {
    options.max_new_tokens = 12;
    options.eos_token_id = -1;
    return generate_ids(m, kPrompts, options);
  };
  CHECK(run(model, {}) == run(plain, {.num_beams = 3, .no_repeat_ngram_size = 2}));
  CHECK(run(model, {}) != run(plain, {}));
  CHECK(run(model, {.num_beams = 1, .no_repeat_ngram_size = 0}) == run(plain, {}));

  const test::TempDir sampling;
  const GPT2<float> sampler =
      model_with(sampling, R"({"do_sample": true, "temperature": 0.5, "top_p": 0.75})");
  CHECK(run(sampler, {}) == run(plain, {.do_sample = true, .temperature = 0.5, .top_p = 0.75}));
  CHECK(run(sampler, {.do_sample = false, .temperature = 1.0, .top_p = 1.0}) == run(plain, {}));

  const test::TempDir saved;
  model.save_pretrained(saved.path());
  const auto again = GPT2<float>::from_pretrained(saved.path());
  CHECK(again.generation_config().num_beams == 3);
  CHECK(again.generation_config().no_repeat_ngram_size == 2);
  CHECK_FALSE(again.generation_config().top_k.has_value());
  CHECK(again.generation_config().text.find("\"max_length\":33") != std::string::npos);
}

TEST_CASE("generation_config.json: values out of range, of another type, or not supported") {
  const auto refused = [](std::string_view generation_config) {
    const test::TempDir dir;
    return failure([&] { (void)generate_ids(model_with(dir, generation_config), kPrompts); });
  };
  CHECK(refused(R"({"num_beams": 0})") == "config.range: num_beams: expected 1 to 1024, found 0");
  CHECK(refused(R"({"num_beams": "many"})").starts_with("json.type: "));
  const std::string unsupported = refused(R"({"guidance_scale": 1.5})");
  CHECK(unsupported.starts_with("generate.unsupported: "));
  CHECK(unsupported.find("generation_config.json: guidance_scale: 1.5 is not supported") !=
        std::string::npos);
  for (const char* key :
       {"encoder_repetition_penalty", "encoder_no_repeat_ngram_size", "num_beam_groups",
        "diversity_penalty", "penalty_alpha", "max_time", "prompt_lookup_num_tokens"}) {
    INFO(key);
    const std::string said = refused(concat("{\"", key, "\": 2}"));
    CHECK(said.starts_with("generate.unsupported: "));
    CHECK(said.find(key) != std::string::npos);
  }
  CHECK(refused(R"({"watermarking_config": {"bias": 2.5}})").starts_with("generate.unsupported: "));
  CHECK(refused(R"({"bad_words_ids": [3]})").starts_with("json.type: "));
  CHECK(refused(R"({"bad_words_ids": [[9999]]})") ==
        "config.range: bad_words_ids: expected token ids from 0 to 511, found 9999");
  CHECK(refused(R"({"early_stopping": "x"})").starts_with("json.type: "));
  CHECK(refused(R"({"num_beams": 9223372036854775807})") ==
        "config.range: num_beams: expected 1 to 1024, found 9223372036854775807");
  CHECK(refused(R"({"max_length": 5})") ==
        "generate.length: prompt 2: its 5 tokens leave none of max_length 5, which counts them; "
        "say max_new_tokens");
  CHECK(refused(R"({"typical_p": 1.0, "bad_words_ids": null, "min_length": 0, "max_length": 20,
                    "early_stopping": false, "suppress_tokens": [], "forced_eos_token_id": null})") ==
        "accepted");
}

TEST_CASE("generation_config.json: lengths, bans and ends are those of transformers") {
  const std::vector<std::vector<int>> prompt = {{39, 68, 385, 78, 220}};
  const auto run = [&](std::string_view config, const GenerateOptions& options = {}) {
    const test::TempDir dir;
    return generate_ids(model_with(dir, config), prompt, options).at(0).size();
  };
  CHECK(run(R"({"max_new_tokens": 5})") == 5);
  CHECK(run(R"({"max_length": 20})") == 15);
  CHECK(run(R"({"max_new_tokens": 5, "max_length": 20})") == 5);
  CHECK(run(R"({"max_new_tokens": 5})", {.max_length = 20}) == 5);
  CHECK(run(R"({"max_length": 20})", {.max_new_tokens = 3}) == 3);
  CHECK(run(R"({"max_new_tokens": 5})", {.use_generation_config = false}) == 60);
}

TEST_CASE("every sequence says why it ends") {
  const GPT2<float> model = tiny_model();
  const std::vector<std::vector<int>> prompt = {{5, 6, 7}};
  const auto reason = [&](const GenerateOptions& options) {
    return generate_sequences(model, prompt, options).at(0).finish_reason;
  };
  const std::vector<int> free =
      generate_ids(model, prompt, {.max_new_tokens = 6, .eos_token_id = -1}).at(0);
  CHECK(reason({.max_new_tokens = 6, .eos_token_id = -1}) == FinishReason::length);
  CHECK(reason({.max_length = 9, .eos_token_id = -1}) == FinishReason::length);
  CHECK(reason({.max_new_tokens = 6, .eos_token_id = free[2]}) == FinishReason::stop);
  for (const Index beams : {1, 3}) {
    CHECK(reason({.max_new_tokens = 99, .num_beams = beams, .eos_token_id = -1}) ==
          FinishReason::context);
    CHECK(reason({.max_new_tokens = 62, .num_beams = beams, .eos_token_id = -1}) ==
          FinishReason::length);
  }
  CHECK(reason({.max_new_tokens = 99,
                .num_beams = 3,
                .beam_style = BeamStyle::lora,
                .eos_token_id = -1}) == FinishReason::context);
}
