// SPDX-License-Identifier: MIT
// The LoRA paper's beam search: values of its own code on toys, and its definition run to the end.
#include <solo/generate/lora_beam_search.hpp>

#include "generate/tiny.hpp"
#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <vector>

using namespace solo;
using test::kPrompts;

namespace {

/// Logits that follow new tokens.
template <class T>
using Logits = std::function<std::vector<T>(const std::vector<int>& history)>;

/// The toy of the specification: a bigram model of 8 tokens, prompt 1, 2, 3.
template <class T>
std::vector<T> toy(const std::vector<int>& history) {
  const int a = history.empty() ? 3 : history.back();
  std::vector<T> row;
  for (int b = 0; b < 8; ++b) row.push_back(static_cast<T>((5 * a + 3 * b + a * b) % 7) / T{2});
  return row;
}

template <class T>
struct Run {
  std::vector<int> ids;
  double score = 0.0;
  Index steps = 0;
  std::vector<std::vector<detail::BeamCandidate>> chosen;  // by step
};

struct Settings {
  Index beams = 3;
  double length_penalty = 0.8;
  Index ngram = 4;
  std::vector<int> end = {6, 7};
  Index length = 8;
  double repetition_penalty = 1.0;

  [[nodiscard]] detail::DecodingRules rules() const {
    detail::DecodingRules r;
    r.num_beams = beams;
    r.beam_style = BeamStyle::lora;
    r.length_penalty = length_penalty;
    r.no_repeat_ngram_size = ngram;
    r.repetition_penalty = repetition_penalty;
    r.end_tokens = end;
    return r;
  }
};

/// Drives a search over a function instead of a model.
template <class T>
Run<T> run(const Settings& settings, const Logits<T>& logits) {
  ThreadPool pool(2);
  const detail::DecodingRules rules = settings.rules();
  const detail::StopRule stop(rules, nullptr);
  detail::LoraBeamSearch<T> search({rules, stop, pool}, {1, 2, 3}, {.tokens = settings.length});
  Run<T> result;
  std::vector<std::vector<int>> histories = {{}};
  while (!histories.empty()) {
    std::vector<T> rows;
    for (const std::vector<int>& h : histories) {
      const std::vector<T> row = logits(h);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    const auto count = static_cast<Index>(histories.size());
    std::vector<detail::Continuation> next;
    search.step({rows.data(), count, static_cast<Index>(rows.size()) / count}, next);
    std::vector<std::vector<int>> longer;
    for (const detail::Continuation& c : next) {
      longer.push_back(histories.at(static_cast<std::size_t>(c.parent)));
      longer.back().push_back(c.token);
    }
    histories = std::move(longer);
    ++result.steps;
    result.chosen.push_back(search.chosen());
  }
  result.score = search.best_score();
  result.ids = search.results().at(0).ids;
  return result;
}

/// The definition step by step: all of them, with dead beams.
template <class T>
Run<T> all_steps(const Settings& settings, const Logits<T>& logits) {
  const auto beams = static_cast<std::size_t>(settings.beams);
  constexpr double kDead = -std::numeric_limits<double>::infinity();
  std::vector<std::vector<int>> histories(beams);
  std::vector<double> scores(beams, 0.0);
  Run<T> best;
  best.score = kDead;
  const auto update = [&](std::size_t k, Index length) {
    const double norm = scores[k] / std::pow(static_cast<double>(length), settings.length_penalty);
    if (!(best.score < norm)) return;
    best.score = norm;
    best.ids = histories[k];
  };
  for (Index i = 0; i < settings.length; ++i) {
    std::vector<std::tuple<double, std::size_t, int>> all;
    for (std::size_t k = 0; k < (i == 0 ? 1 : beams); ++k) {
      std::vector<T> row = logits(histories[k]);
      const std::set<int> distinct(histories[k].begin(), histories[k].end());
      for (const int token : distinct) {
        T& x = row[static_cast<std::size_t>(token)];
        const auto penalty = static_cast<T>(settings.repetition_penalty);
        x = x < 0 ? x * penalty : x / penalty;
      }
      const auto n = static_cast<std::size_t>(settings.ngram);
      for (std::size_t at = 0; n > 0 && at + n <= histories[k].size(); ++at) {
        const auto begin = histories[k].begin() + static_cast<std::ptrdiff_t>(at);
        const auto tail = histories[k].end() - static_cast<std::ptrdiff_t>(n - 1);
        if (std::equal(tail, histories[k].end(), begin)) {
          row[static_cast<std::size_t>(histories[k][at + n - 1])] =
              -std::numeric_limits<T>::infinity();
        }
      }
      const T top = *std::max_element(row.begin(), row.end());
      double sum = 0.0;
      for (const T x : row) sum += std::exp(static_cast<double>(x - top));
      for (std::size_t v = 0; v < row.size(); ++v) {
        const double p = std::exp(static_cast<double>(row[v] - top)) / sum;
        all.emplace_back(scores[k] + std::log(p), k, static_cast<int>(v));
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
    std::vector<std::vector<int>> longer;
    for (std::size_t k = 0; k < beams; ++k) {
      longer.push_back(histories[std::get<1>(all[k])]);
      longer.back().push_back(std::get<2>(all[k]));
      scores[k] = std::get<0>(all[k]);
    }
    histories = std::move(longer);
    for (std::size_t k = 0; k < beams; ++k) {
      const bool ended = std::count(settings.end.begin(), settings.end.end(), histories[k].back());
      if (!ended) continue;
      update(k, i + 1);
      scores[k] = kDead;
    }
  }
  for (std::size_t k = 0; k < beams; ++k) update(k, settings.length);
  best.steps = settings.length;
  return best;
}

/// Logits that look random, a function of the history.
std::vector<double> scattered(const std::vector<int>& history, std::uint64_t seed, Index size) {
  std::uint64_t key = seed;
  for (const int token : history) key = key * 1315423911U + static_cast<std::uint64_t>(token) + 17U;
  std::vector<double> row = test::normal_values<double>(size, key);
  for (double& x : row) x *= 2.0;
  return row;
}

template <class T>
void check_toys() {
  const auto check = [](const Settings& settings, const std::vector<int>& ids, double score) {
    const Run<T> found = run<T>(settings, toy<T>);
    CHECK(found.ids == ids);
    CHECK(std::abs(found.score - score) < 1e-6);
    CHECK(all_steps<T>(settings, toy<T>).ids == ids);
  };
  check({}, {2, 2, 2, 2, 6}, -1.358917);
  check({.ngram = 2}, {2, 2, 6}, -1.223754);
  check({.length_penalty = 0.0}, {2, 6}, -2.423602);
  check({.beams = 4, .length_penalty = 2.0, .ngram = 3}, {2, 2, 2, 3, 2, 2, 0, 2}, -0.141549);
}

}  // namespace

TEST_CASE("lora beams: results and scores of the original on its toys") {
  check_toys<float>();
  check_toys<double>();
}

TEST_CASE("lora beams: candidates of the original's steps") {
  const Run<float> found = run<float>({}, toy<float>);
  const auto check = [&](std::size_t step, std::size_t rank, int token, double score) {
    CAPTURE(step, rank);
    const detail::BeamCandidate& c = found.chosen.at(step).at(rank);
    CHECK(c.token == token);
    CHECK(std::abs(c.score - score) < 1e-6);
  };
  check(0, 0, 2, -0.934850);
  check(0, 1, 3, -1.434850);
  check(0, 2, 4, -1.934850);
  check(1, 0, 2, -1.923602);
  check(1, 1, 2, -2.369701);
  check(1, 2, 6, -2.423602);
  CHECK(found.chosen[1][1].beam == 1);
  const std::vector<detail::BeamCandidate>& fifth = found.chosen.at(4);
  CHECK(std::any_of(fifth.begin(), fifth.end(), [](const detail::BeamCandidate& c) {
    return c.token == 6 && std::abs(c.score - -4.924578) < 1e-6;
  }));
}

TEST_CASE("lora beams: stopping early changes no result") {
  Index fewer = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    for (const double penalty : {-1.0, 0.0, 0.8, 2.5}) {
      for (const Index beams : {1, 3, 5}) {
        const Settings settings{.beams = beams,
                                .length_penalty = penalty,
                                .ngram = static_cast<Index>(seed % 4),
                                .end = {6, 11},
                                .length = 12,
                                .repetition_penalty = seed % 3 == 0 ? 1.3 : 1.0};
        const Logits<double> logits = [&](const std::vector<int>& h) {
          return scattered(h, seed, 12);
        };
        const Run<double> found = run<double>(settings, logits);
        const Run<double> wanted = all_steps<double>(settings, logits);
        CAPTURE(seed, penalty, beams);
        CHECK(found.ids == wanted.ids);
        CHECK(std::abs(found.score - wanted.score) < 1e-9);
        fewer += found.steps < wanted.steps ? 1 : 0;
      }
    }
  }
  CHECK(fewer > 100);
}

TEST_CASE("lora beams: candidates of probability 0 are none, all of them an error") {
  // Two tokens are possible, so that the third place of three stays free.
  const Logits<float> two = [](const std::vector<int>&) {
    std::vector<float> row(8, -200.0F);
    row[2] = 1.0F;
    row[5] = 0.5F;
    return row;
  };
  const Run<float> found = run<float>({.ngram = 0, .length = 1}, two);
  CHECK(found.chosen.at(0).size() == 2);
  CHECK(found.ids == std::vector<int>{2});
  // After each token has come once, n-grams of one leave nothing.
  CHECK(test::failure([] {
          (void)run<float>({.beams = 1, .ngram = 1, .end = {}, .length = 9}, toy<float>);
        }) == "numeric.logits: the largest logit is -inf");
}

TEST_CASE("lora beams: a prompt gives the same alone and in any batch, on any number of threads") {
  const GPT2<float> model = test::tiny_model(2);
  for (const double penalty : {0.0, 0.8}) {
    const GenerateOptions options{.max_new_tokens = 70,
                                  .num_beams = 5,
                                  .beam_style = BeamStyle::lora,
                                  .length_penalty = penalty,
                                  .no_repeat_ngram_size = 4,
                                  .extra_end_tokens = {33, 47, 200}};
    const auto together = generate_ids(model, kPrompts, options);
    REQUIRE(together.size() == kPrompts.size());
    for (const int threads : {1, 3}) {
      CHECK(generate_ids(test::tiny_model(threads), kPrompts, options) == together);
    }
    GenerateOptions fewer = options;
    for (const Index size : {1, 3}) {
      fewer.batch_size = size;
      CHECK(generate_ids(model, kPrompts, fewer) == together);
    }
  }
}

TEST_CASE("lora beams: a search over the model is the definition over its logits") {
  const auto model =
      GPT2<double>::from_pretrained(test::golden_dir() / "tiny-gpt2", {.threads = 2});
  for (const std::vector<int>& prompt : kPrompts) {
    const Settings settings{
        .beams = 4, .ngram = 2, .end = {33, 47, 200, 201, 202, 203, 204}, .length = 10};
    const Logits<double> logits = [&](const std::vector<int>& history) {
      std::vector<int> ids = prompt;
      ids.insert(ids.end(), history.begin(), history.end());
      const Matrix<double> all = model.logits(ids);
      const double* const last = all.data() + (all.rows() - 1) * all.cols();
      return std::vector<double>(last, last + all.cols());
    };
    const auto found = generate_ids(model, std::span(&prompt, 1),
                                    {.max_new_tokens = settings.length,
                                     .num_beams = settings.beams,
                                     .beam_style = BeamStyle::lora,
                                     .length_penalty = settings.length_penalty,
                                     .no_repeat_ngram_size = settings.ngram,
                                     .eos_token_id = -1,
                                     .extra_end_tokens = settings.end});
    CHECK(found.at(0) == all_steps<double>(settings, logits).ids);
  }
}

TEST_CASE("lora beams: what the style has not is refused") {
  const GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const auto refused = [&](GenerateOptions options) {
    options.beam_style = BeamStyle::lora;
    return test::failure([&] { (void)generate_ids(model, std::span(kPrompts).first(1), options); });
  };
  CHECK(refused({.num_beams = 3, .do_sample = true}) ==
        "generate.options: do_sample: beam_style lora draws no tokens");
  CHECK(refused({.num_beams = 3, .num_return_sequences = 2}) ==
        "generate.options: num_return_sequences: beam_style lora returns 1, found 2");
  CHECK(refused({.on_token = [](std::string_view) {}, .tokenizer = &tokenizer}) ==
        "generate.options: on_token: beam_style lora has no token before it has all of them");
}

TEST_CASE("extra end tokens end a text in every mode, and are no part of it") {
  const GPT2<float> model = test::tiny_model();
  const Tokenizer tokenizer = test::tiny_tokenizer();
  const auto prompt = std::span(kPrompts).first(1);
  const auto free = generate_ids(model, prompt, {.max_new_tokens = 12, .eos_token_id = -1}).at(0);
  const GenerateOptions options{
      .max_new_tokens = 12, .eos_token_id = -1, .extra_end_tokens = {-5, 100000, free[5]}};
  const auto first = std::find(free.begin(), free.end(), free[5]);
  const std::vector<int> ended(free.begin(), first + 1);
  CHECK(generate_ids(model, prompt, options).at(0) == ended);
  CHECK(output_text(model, tokenizer, ended, options) ==
        to_utf8_lossy(tokenizer.decode(std::vector<int>(free.begin(), first))));
}
