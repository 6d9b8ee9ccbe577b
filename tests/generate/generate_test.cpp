// SPDX-License-Identifier: MIT
// What every way of generating promises. Ids equal to transformers' are tested in tests/parity.
#include <solo/generate/generate.hpp>

#include "generate/tiny.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace solo;
using test::kPrompts;

namespace {

/// One option set of every kind.
std::vector<GenerateOptions> all_modes() {
  return {{.max_new_tokens = 20, .eos_token_id = -1},
          {.max_new_tokens = 20,
           .no_repeat_ngram_size = 2,
           .repetition_penalty = 1.3,
           .eos_token_id = -1},
          {.max_new_tokens = 20, .num_beams = 4, .num_return_sequences = 3},
          {.max_new_tokens = 70, .num_beams = 3, .length_penalty = 0.0, .no_repeat_ngram_size = 3},
          {.max_new_tokens = 20, .do_sample = true, .top_k = 0, .seed = 3},
          {.max_new_tokens = 20,
           .do_sample = true,
           .temperature = 0.8,
           .top_p = 0.9,
           .min_p = 0.01,
           .num_return_sequences = 5},
          {.max_new_tokens = 20, .num_beams = 4, .do_sample = true, .num_return_sequences = 2}};
}

}  // namespace

TEST_CASE("each new token is the first of the largest logits") {
  const GPT2<float> model = test::tiny_model();
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

TEST_CASE("a prompt gives the same alone and in a batch, on any number of threads") {
  const GPT2<float> model = test::tiny_model(2);
  const GPT2<float> one = test::tiny_model(1);
  const GPT2<float> three = test::tiny_model(3);
  std::size_t mode = 0;
  for (GenerateOptions options : all_modes()) {
    CAPTURE(mode++);
    const auto together = generate_ids(model, kPrompts, options);
    CHECK(generate_ids(one, kPrompts, options) == together);
    CHECK(generate_ids(three, kPrompts, options) == together);
    std::vector<std::vector<int>> alone;
    for (const std::vector<int>& prompt : kPrompts) {
      for (auto& ids : generate_ids(model, std::span(&prompt, 1), options)) {
        alone.push_back(std::move(ids));
      }
    }
    CHECK(alone == together);
    options.batch_size = 3;
    CHECK(generate_ids(model, kPrompts, options) == together);
  }
}

TEST_CASE("threads that generate at once get the bits they get alone") {
  const GPT2<float> model = test::tiny_model(2);
  const std::vector<GenerateOptions> modes = all_modes();
  std::vector<std::vector<std::vector<int>>> alone;
  for (const GenerateOptions& options : modes) {
    alone.push_back(generate_ids(model, kPrompts, options));
  }
  std::vector<std::vector<std::vector<int>>> at_once(2 * modes.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < at_once.size(); ++i) {
    threads.emplace_back(
        [&, i] { at_once[i] = generate_ids(model, kPrompts, modes[i % modes.size()]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < at_once.size(); ++i) CHECK(at_once[i] == alone[i % modes.size()]);
}

TEST_CASE("a sequence ends with its eos, at the limit, or at n_positions") {
  const GPT2<float> model = test::tiny_model();
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
  const GPT2<float> model = test::tiny_model();
  const auto refused = [&](const std::vector<std::vector<int>>& prompts) {
    return test::failure([&] { (void)generate_ids(model, prompts); });
  };
  CHECK(refused({{1}, {}}) == "sequence.empty: prompt 1 has no token");
  CHECK(refused({{1}, {512}}) ==
        "ids.range: prompt 1: token id 512 is not below the vocabulary size 512");
  CHECK(refused({std::vector<int>(65, 1)}) ==
        "sequence.length: prompt 0: 65 tokens are more than n_positions 64");
}

TEST_CASE("logits that are NaN are refused in every mode") {
  GPT2<float> model = test::tiny_model();
  model.parameter("ln_f.bias").value().span()[3] = std::numeric_limits<float>::quiet_NaN();
  for (const GenerateOptions& options : all_modes()) {
    CHECK(test::failure([&] { (void)generate_ids(model, kPrompts, options); }) ==
          "numeric.logits: the logit of token 0 is NaN");
  }
}

TEST_CASE("samples follow the seed and differ from each other") {
  const GPT2<float> model = test::tiny_model();
  const auto sample = [&](std::uint64_t seed, Index count) {
    return generate_ids(model, std::span(kPrompts).first(1),
                        {.max_new_tokens = 12,
                         .do_sample = true,
                         .top_k = 0,
                         .seed = seed,
                         .num_return_sequences = count,
                         .eos_token_id = -1});
  };
  const auto several = sample(7, 6);
  CHECK(std::set<std::vector<int>>(several.begin(), several.end()).size() == 6);
  CHECK(sample(7, 6) == several);
  CHECK(sample(7, 1).front() == several.front());
  CHECK(sample(8, 1).front() != several.front());
}

TEST_CASE("a temperature near 0, or one token to draw from, is greedy decoding") {
  const GPT2<float> model = test::tiny_model();
  const auto greedy = generate_ids(model, kPrompts, {.max_new_tokens = 12});
  CHECK(generate_ids(model, kPrompts,
                     {.max_new_tokens = 12, .do_sample = true, .temperature = 1e-4}) == greedy);
  CHECK(generate_ids(model, kPrompts, {.max_new_tokens = 12, .do_sample = true, .top_k = 1}) ==
        greedy);
}

TEST_CASE("beams score as the model does, the best first") {
  const GPT2<double> model =
      GPT2<double>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 1});
  for (const double penalty : {1.0, 0.0, -1.0}) {
    for (const std::vector<int>& prompt : kPrompts) {
      const auto out = generate_ids(model, std::span(&prompt, 1),
                                    {.max_new_tokens = 8,
                                     .num_beams = 5,
                                     .length_penalty = penalty,
                                     .num_return_sequences = 5,
                                     .eos_token_id = 33});
      double last = 1.0;
      for (const std::vector<int>& ids : out) {
        std::vector<int> whole = prompt;
        whole.insert(whole.end(), ids.begin(), ids.end());
        const Matrix<double> logits = model.logits(whole);
        double sum = 0.0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
          const auto row = logits.row(static_cast<Index>(prompt.size() + i) - 1);
          const double top = row.maxCoeff();
          sum += row[ids[i]] - top - std::log((row.array() - top).exp().sum());
        }
        const double score = sum / std::pow(static_cast<double>(ids.size()), penalty);
        CHECK(score <= last + 1e-9);
        last = score;
      }
      CHECK(std::set<std::vector<int>>(out.begin(), out.end()).size() == 5);
    }
  }
}

TEST_CASE("as many beams as there are sequences find the best one") {
  // Two tokens of 512 · 512: as many beams as tokens is an exhaustive search.
  const GPT2<double> model =
      GPT2<double>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 1});
  const std::vector<int> prompt = {5, 6, 7};
  const auto log_probabilities = [&](const std::vector<int>& ids) {
    const Matrix<double> logits = model.logits(ids);
    std::vector<double> row(logits.row(logits.rows() - 1).begin(),
                            logits.row(logits.rows() - 1).end());
    detail::log_softmax<double>(row);
    return row;
  };
  const std::vector<double> first = log_probabilities(prompt);
  double best = -1e9;
  std::vector<int> expected;
  for (int a = 0; a < 512; ++a) {
    if (first[static_cast<std::size_t>(a)] < best) continue;  // it can only fall
    const std::vector<double> second = log_probabilities({5, 6, 7, a});
    const auto b = std::max_element(second.begin(), second.end());
    if (first[static_cast<std::size_t>(a)] + *b > best) {
      best = first[static_cast<std::size_t>(a)] + *b;
      expected = {a, static_cast<int>(b - second.begin())};
    }
  }
  CHECK(generate_ids(model, std::span(&prompt, 1),
                     {.max_new_tokens = 2, .num_beams = 512, .eos_token_id = -1})
            .front() == expected);
}

TEST_CASE("beams that sample draw without replacement") {
  const GPT2<double> model(
      {.vocab_size = 4, .n_positions = 4, .n_embd = 8, .n_layer = 1, .n_head = 2}, {.threads = 1});
  const std::vector<int> prompt = {1};
  const double temperature = 0.02;
  const Matrix<double> logits = model.logits(prompt);
  std::vector<double> p(logits.row(0).begin(), logits.row(0).end());
  for (double& x : p) x /= temperature;
  detail::log_softmax<double>(p);
  for (double& x : p) x = std::exp(x);
  std::vector<int> counts(4, 0);
  constexpr int kRuns = 4000;
  for (std::uint64_t seed = 0; seed < kRuns; ++seed) {
    const auto out = generate_ids(model, std::span(&prompt, 1),
                                  {.max_new_tokens = 1,
                                   .num_beams = 2,
                                   .do_sample = true,
                                   .temperature = temperature,
                                   .top_k = 0,
                                   .seed = seed,
                                   .num_return_sequences = 2,
                                   .eos_token_id = -1});
    for (const std::vector<int>& ids : out) ++counts[static_cast<std::size_t>(ids.front())];
  }
  for (std::size_t t = 0; t < 4; ++t) {
    double among_two = p[t];
    for (std::size_t first = 0; first < 4; ++first) {
      if (first != t) among_two += p[first] * p[t] / (1.0 - p[first]);
    }
    CAPTURE(t, p[t], among_two);
    CHECK(std::abs(counts[t] / double{kRuns} - among_two) < 0.032);  // four standard deviations
  }
}

TEST_CASE("a vocabulary with fewer tokens than beams") {
  GPT2<float> model({.vocab_size = 3, .n_positions = 6, .n_embd = 8, .n_layer = 1, .n_head = 2},
                    {.threads = 1});
  const std::vector<std::vector<int>> prompts = {{0}, {1, 2}};
  for (const bool sample : {false, true}) {
    const auto out = generate_ids(model, prompts,
                                  {.max_new_tokens = 4,
                                   .num_beams = 8,
                                   .no_repeat_ngram_size = 1,
                                   .do_sample = sample,
                                   .num_return_sequences = 8,
                                   .eos_token_id = 2});
    CHECK(out.size() == 16);
    for (const std::vector<int>& ids : out) CHECK(ids.size() <= 4);
  }
}

TEST_CASE("text in, text out") {
  const GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  std::vector<int> ids = tokenizer.encode("name : Blue");
  ids.push_back(tokenizer.eos_token_id());
  for (GenerateOptions options : all_modes()) {
    options.append_separator = true;
    const std::vector<int> out = generate_ids(model, std::span(&ids, 1), options)[0];
    CHECK(generate(model, tokenizer, "name : Blue", options) ==
          output_text(model, tokenizer, out, options));
  }
}

TEST_CASE("a stop string ends the text behind itself, streamed or not") {
  const GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  for (const bool sample : {false, true}) {
    GenerateOptions options = {
        .max_new_tokens = 40, .do_sample = sample, .top_k = 0, .eos_token_id = -1};
    const std::string free = generate(model, tokenizer, "name :", options);
    const auto ascii = [&](std::size_t i) { return static_cast<unsigned char>(free[i]) < 0x80U; };
    std::size_t middle = free.size() / 2;
    while (middle + 1 < free.size() && !(ascii(middle) && ascii(middle + 1))) ++middle;
    REQUIRE(middle + 2 < free.size());
    options.stop_strings = {free.substr(middle, 2), "no such text"};
    std::string streamed;
    std::size_t pieces = 0;
    options.on_token = [&](std::string_view piece) {
      CHECK(is_utf8(piece));
      streamed += piece;
      ++pieces;
    };
    const std::string text = generate(model, tokenizer, "name :", options);
    CHECK(streamed == text);
    CHECK(pieces > 1);
    CHECK(text.size() < free.size());
    CHECK(free.starts_with(text));
    CHECK(text.find(options.stop_strings.front()) != std::string::npos);
  }
}

TEST_CASE("a final end token is not streamed") {
  const GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const std::vector<int> free =
      generate_ids(model, std::span(kPrompts).first(1), {.max_new_tokens = 9, .eos_token_id = -1})
          .front();
  std::string streamed;
  const GenerateOptions options = {.max_new_tokens = 9,
                                   .eos_token_id = free[6],
                                   .on_token = [&](std::string_view piece) { streamed += piece; },
                                   .tokenizer = &tokenizer};
  const auto out = generate_ids(model, std::span(kPrompts).first(1), options).front();
  CHECK(out.back() == free[6]);
  CHECK(streamed == output_text(model, tokenizer, out, options));
}
