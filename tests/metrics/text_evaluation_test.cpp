// SPDX-License-Identifier: MIT
// BLEU, NIST, ROUGE-L and CIDEr against the figures of e2e-metrics' own code (e2e.md 6).
#include <solo/data/references.hpp>
#include <solo/metrics/metrics.hpp>

#include "support/catch.hpp"
#include "support/shared.hpp"

#include <cmath>

using namespace solo;
using test::shared_dir;

namespace {

using Groups = std::vector<std::vector<std::string>>;

const Groups kReferences = {
    {"The Eagle is a cheap coffee shop near Burger King .",
     "Near Burger King , The Eagle is a coffee shop with low prices .",
     "The Eagle coffee shop is cheap ; it 's near Burger King ."},
    {"Green Man is a family - friendly pub in the city centre with prices of £ 20 - 25 .",
     "In the city centre you can find Green Man , a kid friendly pub . Its price range is "
     "£ 20 - 25 ."},
    {"Café Adriatic serves Italian food by the riverside . It is n't family - friendly .",
     "By the river , Café Adriatic serves Italian food and is not child friendly .",
     "Café Adriatic is an adult only Italian restaurant in the riverside area ."}};
const std::vector<std::string> kHypotheses = {
    "The Eagle is a cheap coffee shop located near Burger King .",
    "Green Man is a family friendly pub in the city centre . Its price range is £ 20 - 25 .",
    "Café Adriatic serves Italian food in the riverside area . It is not family - friendly ."};

Approx near(double value) {
  return Approx(value).epsilon(0).margin(1e-6);
}

void check_scores(const TextScores& scores, double bleu, double nist, double rouge, double cider) {
  CHECK(scores.bleu == near(bleu));
  REQUIRE(scores.nist);
  CHECK(*scores.nist == near(nist));
  CHECK_FALSE(scores.meteor);
  CHECK(scores.rouge_l == near(rouge));
  CHECK(scores.cider == near(cider));
}

/// The first reference of each group against the others (itself if it is alone), or against all.
TextEvaluation first_reference(const std::filesystem::path& file, bool against_all) {
  Groups references;
  std::vector<std::string> hypotheses;
  for (ReferenceGroup& group : read_reference_groups(file)) {
    hypotheses.push_back(group.references[0]);
    if (!against_all && group.references.size() > 1) {
      group.references.erase(group.references.begin());
    }
    references.push_back(std::move(group.references));
  }
  return {references, hypotheses};
}

template <class E, class F>
void check_throws(F&& f, std::string_view id, const std::string& part) {
  try {
    f();
    FAIL("nothing thrown");
  } catch (const E& e) {
    CHECK(e.id() == id);
    CHECK_THAT(e.what(), Catch::Contains(part));
  }
}

}  // namespace

TEST_CASE("three instances: the corpus scores and what they are made of") {
  const TextEvaluation evaluation(kReferences, kHypotheses);
  check_scores(evaluation.scores(), 0.750112, 6.229647, 0.861689, 4.868845);
  const BleuStatistics bleu = evaluation.bleu_statistics();
  CHECK(bleu.hits == std::array<double, 4>{48, 41, 31, 22});
  CHECK(bleu.candidates == std::array<double, 4>{50, 47, 44, 41});
  CHECK(bleu.reference_length == 47);
  const NistStatistics nist = evaluation.nist_statistics();
  const std::array<double, 5> information = {255.865208, 36.228819, 11.094738, 2.584963, 1.0};
  for (std::size_t n = 0; n < 5; ++n) CHECK(nist.information[n] == near(information[n]));
  CHECK(nist.candidates == std::array<double, 5>{50, 47, 44, 41, 38});
  CHECK(nist.reference_length == near(49.333333));
}

TEST_CASE("three instances: each alone") {
  const TextEvaluation evaluation(kReferences, kHypotheses);
  check_scores(evaluation.instance(0), 0.761161, 4.261813, 0.960630, 5.073548);
  check_scores(evaluation.instance(1), 0.829187, 4.773989, 0.804143, 5.911040);
  check_scores(evaluation.instance(2), 0.685323, 5.024583, 0.820293, 3.621948);
  const double alone[] = {0.734889, 0.819549, 0.658037};
  for (std::size_t i = 0; i < 3; ++i) {
    const TextEvaluation one{std::span(kReferences).subspan(i, 1),
                             std::span(kHypotheses).subspan(i, 1)};
    CHECK(one.scores().bleu == near(alone[i]));
    CHECK(one.scores().cider == 0.0);  // nothing tells one instance from others
    CHECK(*one.scores().nist == *evaluation.instance(static_cast<Index>(i)).nist);
  }
}

TEST_CASE("the smoothing of a short text leaves its brevity penalty alone") {
  const Groups references = {{"a b c d e f g h i j"}};
  const std::vector<std::string> half = {"a b c d e"};
  const TextEvaluation evaluation(references, half);  // every n-gram is a hit
  CHECK(evaluation.instance(0).bleu == near(std::exp(-1.0)));
  CHECK(evaluation.scores().bleu == near(std::exp(-1.0)));
}

TEST_CASE("the full-size anchors of E2E") {
  const auto shared = shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const std::filesystem::path e2e = *shared / "data" / "e2e";
  check_scores(first_reference(e2e / "lora_test.txt", false).scores(), 0.618341, 9.018528, 0.647242,
               2.072562);
  check_scores(first_reference(e2e / "testset_w_refs.csv", false).scores(), 0.611502, 8.991170,
               0.646155, 2.036125);
  check_scores(first_reference(e2e / "devset.csv", false).scores(), 0.599535, 8.578516, 0.652835,
               1.854275);
  check_scores(first_reference(e2e / "lora_test.txt", true).scores(), 1.0, 14.193588, 1.0,
               3.434806);
}

TEST_CASE("scores of a sample are sums over its instances") {
  const TextEvaluation evaluation(kReferences, kHypotheses);
  const std::vector<Index> all = {2, 0, 1};
  CHECK(evaluation.scores(all).bleu == evaluation.scores().bleu);
  const std::vector<Index> twice = {1, 1};
  CHECK(evaluation.scores(twice).rouge_l == evaluation.instance(1).rouge_l);
  CHECK(evaluation.scores(twice).cider == evaluation.instance(1).cider);
  const std::vector<Index> once = {1};
  CHECK(evaluation.scores(twice).bleu == near(evaluation.scores(once).bleu));
}

TEST_CASE("empty hypotheses, and NIST where it is not defined") {
  const Groups references = {{"a b c d e f"}};
  const std::vector<std::string> empty = {""};
  const TextEvaluation one(references, empty);  // one empty word: length 1, so no bigram: 0 of them
  CHECK_FALSE(one.scores().nist);
  CHECK(one.scores().rouge_l == 0.0);
  CHECK(one.scores().cider == 0.0);
  CHECK(one.bleu_statistics().candidates == std::array<double, 4>{1, 0, -1, -2});
  // The lengths are not clamped, so BLEU may exceed 1.
  const Groups many = {{"a b c d e"}, {"x"}, {"x"}};
  const std::vector<std::string> mostly = {"a b c d e", "", ""};
  CHECK(TextEvaluation(many, mostly).scores().bleu > 1.0);
}

TEST_CASE("what cannot be scored is refused") {
  const std::vector<std::string> one = {"a"};
  const std::vector<std::string> two = {"a", "b"};
  const std::vector<std::string> broken = {"a\nb"};
  const Groups groups = {{"a"}};
  const Groups empty = {{}};
  check_throws<FormatError>([&] { TextEvaluation(groups, two); }, "metrics.count", "2 and 1");
  check_throws<FormatError>([] { TextEvaluation({}, {}); }, "metrics.count", "0 and 0");
  check_throws<FormatError>([&] { TextEvaluation(empty, one); }, "metrics.references",
                            "instance 1");
  check_throws<FormatError>([&] { TextEvaluation(groups, broken); }, "metrics.line_break",
                            "instance 1");
  const TextEvaluation evaluation(groups, one);
  const std::vector<Index> outside = {1};
  check_throws<ConfigError>([&] { (void)evaluation.scores(outside); }, "metrics.sample",
                            "0 to 0, found 1");
  check_throws<ConfigError>([&] { (void)evaluation.scores({}); }, "metrics.sample", "empty");
  check_throws<ConfigError>([&] { (void)evaluation.instance(-1); }, "metrics.sample", "found -1");
}

TEST_CASE("the bootstrap: intervals hold the score, equal systems differ by nothing") {
  const Groups references = {{"a b c d e f"}, {"g h i j k l"}, {"m n o p q r"}, {"s t u v w x"}};
  const std::vector<std::string> good = {"a b c d e f", "g h i j k l", "m n o p q z", "s t u v"};
  const std::vector<std::string> bad = {"a z", "g h z", "m z z z", "z z"};
  const TextEvaluation better(references, good);
  const TextEvaluation worse(references, bad);
  const BootstrapOptions options{.samples = 500};
  const auto intervals = confidence_intervals(better, options);
  CHECK(intervals.rouge_l.low <= better.scores().rouge_l);
  CHECK(better.scores().rouge_l <= intervals.rouge_l.high);
  CHECK(intervals.rouge_l.low < intervals.rouge_l.high);
  const auto same = paired_bootstrap(std::span(&better, 1), std::span(&better, 1), options);
  CHECK(same.bleu.difference == 0.0);
  CHECK(same.bleu.p_value == 1.0);
  const auto apart = paired_bootstrap(std::span(&better, 1), std::span(&worse, 1), options);
  CHECK(apart.rouge_l.difference == near(better.scores().rouge_l - worse.scores().rouge_l));
  CHECK(apart.rouge_l.low > 0.0);
  CHECK(apart.rouge_l.p_value == near(1.0 / 500));
  const auto back = paired_bootstrap(std::span(&worse, 1), std::span(&better, 1), options);
  CHECK(back.rouge_l.high == near(-apart.rouge_l.low));
  CHECK(back.rouge_l.p_value == apart.rouge_l.p_value);
  // Two runs of a side: their mean.
  const std::vector<TextEvaluation> both = {better, worse};
  const auto mean = paired_bootstrap(both, std::span(&worse, 1), options);
  CHECK(mean.rouge_l.difference == near(apart.rouge_l.difference / 2));
  check_throws<ConfigError>([&] { (void)confidence_intervals(better, {.samples = 0}); },
                            "config.range", "samples");
  check_throws<ConfigError>([&] { (void)confidence_intervals(better, {.level = 1.0}); },
                            "config.range", "level");
  for (const Index samples : {Index{1'000'001}, Index{1} << 40}) {
    check_throws<ConfigError>([&] { (void)confidence_intervals(better, {.samples = samples}); },
                              "config.range", "samples");
  }
  const SampleScore zero = [](std::span<const Index>) { return 0.0; };
  check_throws<ConfigError>([&] { (void)confidence_interval(Index{1} << 40, zero); },
                            "config.range", "instances");
  check_throws<ConfigError>([&] { (void)confidence_interval(2, {}); }, "config.value", "score");
  check_throws<ConfigError>([&] { (void)paired_bootstrap(2, SampleScore()); }, "config.value",
                            "score");
  check_throws<ConfigError>([&] { (void)paired_bootstrap({}, std::span(&worse, 1)); },
                            "metrics.sample", "no evaluations");
  const TextEvaluation small{std::span(references).first(1), std::span(good).first(1)};
  check_throws<ConfigError>(
      [&] { (void)paired_bootstrap(std::span(&small, 1), std::span(&worse, 1)); }, "metrics.sample",
      "of 1 instances, found 4");
}

TEST_CASE("the bootstrap of a score of one's own draws the same samples") {
  const Groups references = {{"a b c d e f"}, {"g h i j k l"}, {"m n o p q r"}, {"s t u v w x"}};
  const std::vector<std::string> good = {"a b c d e f", "g h i j k l", "m n o p q z", "s t u v"};
  const std::vector<std::string> bad = {"a b c z", "g h z", "m n o p q r", "z z"};
  const TextEvaluation better(references, good);
  const TextEvaluation worse(references, bad);
  const BootstrapOptions options{.samples = 200, .seed = 7};
  const auto rouge = [](const TextEvaluation& evaluation) {
    return [&](std::span<const Index> sample) { return evaluation.scores(sample).rouge_l; };
  };
  const Interval own = confidence_interval(4, rouge(better), options);
  const Interval built_in = confidence_intervals(better, options).rouge_l;
  CHECK(own.low == built_in.low);
  CHECK(own.high == built_in.high);
  const PairedComparison apart = paired_bootstrap(
      4,
      [&](std::span<const Index> sample) { return rouge(better)(sample) - rouge(worse)(sample); },
      options);
  const PairedComparison same =
      paired_bootstrap(std::span(&better, 1), std::span(&worse, 1), options).rouge_l;
  CHECK(apart.difference == near(same.difference));
  CHECK(apart.low == near(same.low));
  CHECK(apart.high == near(same.high));
  CHECK(apart.p_value == same.p_value);
  CHECK(apart.p_value > 1.0 / 200);  // not every sample says the same
  check_throws<ConfigError>([&] { (void)confidence_interval(0, rouge(better)); }, "metrics.sample",
                            "no instances");
}
