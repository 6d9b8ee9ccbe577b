// SPDX-License-Identifier: MIT
// Which candidates a step takes, against sorting all of them.
#include <solo/generate/beam_search.hpp>
#include <solo/generate/logits_processors.hpp>

#include "support/catch.hpp"
#include "support/numbers.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

using namespace solo;

namespace {

constexpr Index kVocabulary = 3000;
constexpr std::size_t kBeams = 4;

/// Logits of `rows` rows, many of them equal where `step` is large.
template <class T>
std::vector<T> random_logits(Index rows, double step, std::uint64_t seed) {
  std::vector<T> x = test::normal_values<T>(rows * kVocabulary, seed);
  for (T& value : x) {
    value = static_cast<T>(std::round(static_cast<double>(value) * 4.0 / step) * step);
  }
  return x;
}

/// Beams and their choice as the definition has it, nothing left out.
template <class T>
struct AllCandidates {
  std::vector<double> scores;

  std::vector<detail::Continuation> step(std::vector<T> logits) {
    std::vector<std::tuple<double, Index, int>> all;
    const auto rows = static_cast<std::size_t>(static_cast<Index>(logits.size()) / kVocabulary);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::span<T> x(logits.data() + row * kVocabulary, kVocabulary);
      detail::log_softmax<T>(x);
      for (int token = 0; token < static_cast<int>(kVocabulary); ++token) {
        all.emplace_back(scores[row] + static_cast<double>(x[static_cast<std::size_t>(token)]),
                         static_cast<Index>(row), token);
      }
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
    std::vector<detail::Continuation> next;
    scores.clear();
    for (std::size_t i = 0; i < kBeams; ++i) {
      scores.push_back(std::get<0>(all[i]));
      next.push_back({std::get<1>(all[i]), std::get<2>(all[i])});
    }
    return next;
  }
};

template <class T>
void check_steps(double step) {
  ThreadPool pool(2);
  detail::DecodingRules rules;
  rules.num_beams = static_cast<Index>(kBeams);
  const detail::StopRule stop(rules, nullptr);
  detail::BeamSearch<T> search({rules, stop, pool}, {1, 2}, {.tokens = 20});
  AllCandidates<T> expected{{0.0}};
  Index rows = 1;
  for (std::uint64_t i = 0; i < 8; ++i) {
    std::vector<T> logits = random_logits<T>(rows, step, i);
    const std::vector<detail::Continuation> wanted = expected.step(logits);
    std::vector<detail::Continuation> next;
    search.step({logits.data(), rows, kVocabulary}, next);
    CAPTURE(i, step);
    REQUIRE(next.size() == kBeams);
    for (std::size_t beam = 0; beam < kBeams; ++beam) {
      CHECK(next[beam].parent == wanted[beam].parent);
      CHECK(next[beam].token == wanted[beam].token);
    }
    rows = static_cast<Index>(kBeams);
  }
}

}  // namespace

TEST_CASE("a step takes the best candidates of all, the first of equals") {
  for (const Isa isa : available_isas()) {
    const ScopedIsa use(isa);
    CAPTURE(to_string(isa));
    for (const double step : {1e-6, 0.25, 2.0}) {
      check_steps<float>(step);
      check_steps<double>(step);
    }
  }
}
