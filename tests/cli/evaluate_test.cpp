// SPDX-License-Identifier: MIT
// solo evaluate.
#include "cli/program.hpp"

#include <cmath>
#include <cstdlib>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::solo_program;
using test::TempDir;

namespace {

struct Setup {
  TempDir dir;
  std::string references = write("refs.txt", "a b c d e f\na b c d e g\n\ng h i j k l\n\n");
  std::string hypotheses = write("texts.txt", "a b c d e f\ng h i j k z\n");

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(dir.path() / name) << text;
    return dir.path() / name;
  }
  [[nodiscard]] Outcome evaluate(const std::string& refs, const std::string& texts,
                                 std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"evaluate", "--references", refs, "--hypotheses", texts};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  }
  [[nodiscard]] Json scores(const std::string& refs, const std::string& texts,
                            std::vector<std::string> more = {}) const {
    more.emplace_back("--json");
    const Outcome outcome = evaluate(refs, texts, std::move(more));
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    return outcome.json();
  }
};

}  // namespace

TEST_CASE("solo evaluate prints the scores in e2e-metrics' order") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Outcome text = setup.evaluate(setup.references, setup.hypotheses);
  CHECK(text.out == "BLEU: 0.8807\nNIST: 4.0641\nMETEOR: n/a\nROUGE_L: 0.9167\nCIDEr: 8.2268\n");
  const Json json = setup.scores(setup.references, setup.hypotheses);
  CHECK(json.at("METEOR").is_null());
  CHECK(json.size() == 5);
}

TEST_CASE("solo evaluate: instances, intervals, and another system") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string worse = setup.write("worse.txt", "a b c\nz z\n");
  const Json json = setup.scores(setup.references, setup.hypotheses,
                                 {"--per-instance", "--bootstrap", "200", "--compare", worse});
  REQUIRE(json.at("instances").size() == 2);
  CHECK(json.at("instances")[0].at("ROUGE_L") == 1.0);
  CHECK_FALSE(json.at("instances")[0].contains("METEOR"));
  CHECK(json.at("intervals").at("ROUGE_L")[0] < json.at("intervals").at("ROUGE_L")[1]);
  CHECK(json.at("comparison").at("ROUGE_L").at("difference") > 0.0);
  const Outcome text =
      setup.evaluate(setup.references, setup.hypotheses, {"--compare", worse, "--per-instance"});
  CHECK(text.out.find("; difference ") != std::string::npos);
  CHECK(text.out.find("\n2\t") != std::string::npos);
}

TEST_CASE("solo evaluate reads tables, single groups and every line end") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const Json expected = setup.scores(setup.references, setup.hypotheses);
  const std::string table =
      setup.write("refs.csv", "mr,ref\nx,a b c d e f\ny,g h i j k l\nx,a b c d e g\n");
  CHECK(setup.scores(table, setup.write("texts.csv",
                                        "MR,output\nx,a b c d e f\ny,g h i j k z\n")) == expected);
  const std::string tabs =
      setup.write("refs.tsv", "mr\tref\nx\ta b c d e f\nx\ta b c d e g\ny\tg h i j k l\n");
  CHECK(setup.scores(tabs, setup.hypotheses) == expected);
  CHECK(setup.scores(setup.write("cr.txt", "a b c d e f\ra b c d e g\r\r g h i j k l \x0c"),
                     setup.write("hyp-cr.txt", "a b c d e f\r\ng h i j k z")) == expected);
  const std::string single = setup.write("single.txt", "a b c d e f\ng h i j k l\n");
  CHECK(setup.scores(single, single).at("BLEU") == 1.0);
}

TEST_CASE("solo evaluate refuses what it cannot score") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const auto refused = [&](const std::string& refs, const std::string& texts,
                           const std::string& part) {
    check_error(setup.evaluate(refs, texts), 1, part);
  };
  refused(setup.references, setup.write("one.txt", "a\n"), "found 1 and 2");
  refused(setup.write("r1.txt", "\na\n\nb\n"), setup.hypotheses, "r1.txt: line 1");
  refused(setup.write("r2.txt", "a\n\n\nb\n"), setup.hypotheses, "r2.txt: line 3");
  refused(setup.write("r3.txt", ""), setup.hypotheses, "r3.txt: the file is empty");
  refused(setup.write("r4.txt", "a\n\xff\n"), setup.hypotheses,
          "r4.txt: line 2: expected valid UTF-8");
  refused(setup.references, setup.write("h1.txt", std::string("a\nb\0c\n", 6)),
          "h1.txt: line 2: expected text, found NUL");
  refused(setup.write("r5.csv", "mr,ref\nx,a\n"), setup.write("h5.csv", "mr,ref\ny,a\n"),
          "no references for the source 'y'");
  refused(setup.write("r6.csv", "a,b,c\n"), setup.hypotheses,
          "expected one or two columns, found 3");
  refused(setup.references, (setup.dir.path() / "none.txt").string(), "none.txt");
  check_error(setup.evaluate(setup.references, setup.hypotheses,
                             {"--meteor-jar", (setup.dir.path() / "no.jar").string()}),
              1, "no.jar");
}

TEST_CASE("METEOR is what its program says") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  // A program that speaks as the official one does: statistics of each text, then scores of all.
  const std::string java = setup.write("java", R"(#!/bin/sh
while IFS= read -r line; do
  case "$line" in
    SCORE*) echo "$line" >> "$(dirname "$0")/asked"; echo "1 2 3" ;;
    EVAL*) echo 0.1; echo 0.2; echo 0.4321 ;;
  esac
done
)");
  std::filesystem::permissions(java, std::filesystem::perms::owner_all);
  const std::string jar = setup.write("meteor.jar", "x");
  const Json json =
      setup.scores(setup.references, setup.write("t.txt", "A, b |||  c's\ng h i j k z\n"),
                   {"--meteor-jar", jar, "--java", java});
  CHECK(json.at("METEOR") == 0.4321);
  CHECK(test::slurp(setup.dir.path() / "asked") ==
        "SCORE ||| a b c d e f ||| a b c d e g ||| a b | | | c 's\n"
        "SCORE ||| g h i j k l ||| g h i j k z\n");
  const std::string broken = setup.write("broken", "#!/bin/sh\nexit 3\n");
  std::filesystem::permissions(broken, std::filesystem::perms::owner_all);
  check_error(
      setup.evaluate(setup.references, setup.hypotheses, {"--meteor-jar", jar, "--java", broken}),
      1, "METEOR: ");
  const std::string not_a_number = setup.write("not-a-number", R"(#!/bin/sh
read -r line; echo 1
read -r line; echo 1
read -r line; echo 0; echo 0; echo nan
)");
  std::filesystem::permissions(not_a_number, std::filesystem::perms::owner_all);
  check_error(setup.evaluate(setup.references, setup.hypotheses,
                             {"--meteor-jar", jar, "--java", not_a_number}),
              1, "expected a score, found 'nan'");
  const char* const real = std::getenv("SOLO_METEOR_JAR");
  if (real == nullptr) SOLO_SKIP("SOLO_METEOR_JAR names no jar: METEOR's own program was not run");
  const std::string refs = setup.write("golden.txt",
                                       R"(The Eagle is a cheap coffee shop near Burger King .
Near Burger King , The Eagle is a coffee shop with low prices .
The Eagle coffee shop is cheap ; it 's near Burger King .

Green Man is a family - friendly pub in the city centre with prices of £ 20 - 25 .
In the city centre you can find Green Man , a kid friendly pub . Its price range is £ 20 - 25 .

Café Adriatic serves Italian food by the riverside . It is n't family - friendly .
By the river , Café Adriatic serves Italian food and is not child friendly .
Café Adriatic is an adult only Italian restaurant in the riverside area .
)");
  const std::string said =
      setup.write("golden-said.txt", R"(The Eagle is a cheap coffee shop located near Burger King .
Green Man is a family friendly pub in the city centre . Its price range is £ 20 - 25 .
Café Adriatic serves Italian food in the riverside area . It is not family - friendly .
)");
  const Json golden = setup.scores(refs, said, {"--meteor-jar", real});
  CHECK(std::abs(golden.at("METEOR").get<double>() - 0.497553) < 1e-6);  // e2e.md 6A
}
