// SPDX-License-Identifier: MIT
// What changes the scores. Probabilities equal to transformers' are tested in tests/parity.
#include <solo/generate/logits_processors.hpp>
#include <solo/generate/sampling.hpp>

#include "generate/tiny.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

using namespace solo;
using namespace solo::detail;

namespace {

const double kOut = -std::numeric_limits<double>::infinity();

/// The scores after f.
template <class F>
std::vector<double> changed(std::vector<double> scores, const F& f) {
  f(std::span<double>(scores));
  return scores;
}

}  // namespace

TEST_CASE("repetition penalty: once a distinct token, towards less likely") {
  const std::vector<int> ids = {0, 1, 1, 1, 2};
  CHECK(changed({2.0, -2.0, 0.0, 3.0}, [&](auto s) { penalise_repetition<double>(s, ids, 2.0); }) ==
        std::vector<double>{1.0, -4.0, 0.0, 3.0});
}

TEST_CASE("n-gram block: whatever followed the last n - 1 tokens before") {
  const auto banned = [](std::vector<int> ids, Index n) {
    std::vector<int> tokens;
    const auto scores = changed(std::vector<double>(6, 1.0),
                                [&](auto s) { ban_repeated_ngrams<double>(s, ids, n); });
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (scores[i] == kOut) tokens.push_back(static_cast<int>(i));
    }
    return tokens;
  };
  CHECK(banned({1, 2, 3, 1, 2}, 3) == std::vector<int>{3});
  CHECK(banned({1, 2, 1, 3, 1}, 2) == std::vector<int>{2, 3});
  CHECK(banned({4, 2}, 1) == std::vector<int>{2, 4});
  CHECK(banned({1, 1, 1}, 3) == std::vector<int>{1});
  CHECK(banned({1, 2}, 3).empty());
  CHECK(banned({1}, 2).empty());
  CHECK(banned({1}, std::numeric_limits<Index>::max()).empty());
}

TEST_CASE("top_k keeps the best, and what equals the last of them") {
  const auto top = [](Index k) {
    return changed({1.0, 3.0, 2.0, 2.0, 0.0}, [&](auto s) { keep_top_k<double>(s, k); });
  };
  CHECK(top(1) == std::vector<double>{kOut, 3.0, kOut, kOut, kOut});
  CHECK(top(2) == std::vector<double>{kOut, 3.0, 2.0, 2.0, kOut});
  CHECK(top(99) == std::vector<double>{1.0, 3.0, 2.0, 2.0, 0.0});
}

TEST_CASE("top_p keeps the fewest tokens that reach p, but at least some") {
  const std::vector<double> scores = {std::log(0.1), std::log(0.5), std::log(0.15), std::log(0.25)};
  const auto kept = [&](double p, Index least) {
    std::vector<int> tokens;
    const auto left = changed(scores, [&](auto s) { keep_top_p<double>(s, p, least); });
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (left[i] != kOut) tokens.push_back(static_cast<int>(i));
    }
    return tokens;
  };
  CHECK(kept(0.4, 1) == std::vector<int>{1});
  CHECK(kept(0.6, 1) == std::vector<int>{1, 3});
  CHECK(kept(0.8, 1) == std::vector<int>{1, 2, 3});
  CHECK(kept(1e-9, 1) == std::vector<int>{1});
  CHECK(kept(1e-9, 3) == std::vector<int>{1, 2, 3});
}

TEST_CASE("min_p keeps what is not much less likely than the best") {
  const std::vector<double> scores = {std::log(0.5), std::log(0.3), std::log(0.06), kOut};
  const auto left = [&](double p, Index least) {
    return changed(scores, [&](auto s) { keep_min_p<double>(s, p, least); });
  };
  CHECK(left(0.1, 1) == scores);
  CHECK(left(0.2, 1) == std::vector<double>{scores[0], scores[1], kOut, kOut});
  CHECK(left(1.0, 1) == std::vector<double>{scores[0], kOut, kOut, kOut});
  CHECK(left(1.0, 2) == std::vector<double>{scores[0], scores[1], kOut, kOut});
}

TEST_CASE("log_softmax and draws refuse what is no distribution") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> scores = {0.0, std::log(3.0), kOut};
  log_softmax<double>(scores);
  CHECK(scores[0] == test::Approx(std::log(0.25)));
  CHECK(scores[1] == test::Approx(std::log(0.75)));
  CHECK(scores[2] == kOut);
  const auto refused = [](std::vector<double> s) {
    return test::failure([&] { log_softmax<double>(s); });
  };
  CHECK(refused({0.0, nan}) == "numeric.logits: the logit of token 1 is NaN");
  CHECK(refused({0.0, -kOut}) == "numeric.logits: the largest logit is inf");
  CHECK(refused({kOut, kOut}) == "numeric.logits: the largest logit is -inf");
  const std::vector<double> none = {kOut, kOut};
  CHECK(test::failure([&] { (void)draw_token<double>(none, 0.5); }) ==
        "numeric.logits: cannot sample: the largest score is -inf");
}

TEST_CASE("draws follow the distribution, and what is banned never comes") {
  const std::vector<double> scores = {std::log(0.2), kOut, std::log(0.5), std::log(0.3), kOut};
  CHECK(draw_token<double>(scores, 1e-12) == 0);
  CHECK(draw_token<double>(scores, 0.21) == 2);
  CHECK(draw_token<double>(scores, 1.0 - 0x1p-53) == 3);
  std::vector<int> counts(5, 0);
  const Philox random(11, 2);
  constexpr int kDraws = 20000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(draw_token<double>(scores, open_uniform(random, i)))];
  }
  // Four standard deviations of a binomial count are below 0.015 of the draws.
  CHECK(std::abs(counts[0] / double{kDraws} - 0.2) < 0.015);
  CHECK(std::abs(counts[2] / double{kDraws} - 0.5) < 0.015);
  CHECK(std::abs(counts[3] / double{kDraws} - 0.3) < 0.015);
  CHECK(counts[1] + counts[4] == 0);
  CHECK(best_token<double>(scores) == 2);
}
