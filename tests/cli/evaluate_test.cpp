// SPDX-License-Identifier: MIT
// solo evaluate.
#include <solo/data/references.hpp>

#include "cli/program.hpp"

#include <array>
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
  /// A program of the shell.
  std::string script(const std::string& name, const std::string& text) const {
    std::string path = write(name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
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
  for (const Json& part : {json.at("instances")[0], json.at("intervals"), json.at("comparison")}) {
    CHECK(part.at("METEOR").is_null());
  }
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
  refused(setup.references, setup.write("one.txt", "a\n"), "found 1 in ");
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
  // A program that speaks as the official one does: counts of each text, then scores of all. Its
  // score has the words of the texts behind the point, then the chunks.
  const std::string java = setup.script("java", R"(asked=$(dirname "$0")/asked
while IFS= read -r line; do
  echo "$line" >> "$asked"
  case "$line" in
    SCORE*z) echo "1.0 2 0 0  1 1 0 0  0 0 0 0  0 0 0 0  0 0 0 0  1 0.5 0.5" ;;
    SCORE*) echo "3.0 3 0 0  2 2 0 0  0 0 1 1  0 0 0 0  0 0 0 0  1 1.5 1.5" ;;
    EVAL*) set -- $line; echo 0.9; echo "0.$3${23}" ;;
  esac
done
)");
  const std::string jar = setup.write("meteor.jar", "x");
  const auto scores = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--meteor-jar", jar, "--java", java});
    return setup.scores(setup.references, setup.write("t.txt", "A, b |||  c's\ng h i j k z\n"),
                        std::move(more));
  };
  // The first text is word for word its reference: it has no chunk in a sum.
  CHECK(scores({}).at("METEOR") == 0.41);
  CHECK(test::slurp(setup.dir.path() / "asked") ==
        "SCORE ||| a b c d e f ||| a b c d e g ||| a b | | | c 's\n"
        "SCORE ||| g h i j k l ||| g h i j k z\n"
        "EVAL ||| 4 5 0 0 3 3 0 0 0 0 1 1 0 0 0 0 0 0 0 0 1 2 2\n");
  const std::string worse = setup.write("worse.txt", "a z\nz z\n");
  const Json all = scores({"--per-instance", "--bootstrap", "50", "--compare", worse});
  CHECK(all.at("instances")[0].at("METEOR") == 0.31);  // alone it has one
  CHECK(all.at("instances")[1].at("METEOR") == 0.11);
  CHECK(all.at("intervals").at("METEOR") == Json({0.22, 0.6}));
  CHECK(all.at("comparison").at("METEOR").at("difference").get<double>() == Approx(0.41 - 0.22));
  CHECK(all.at("comparison").at("METEOR").at("low").get<double>() == Approx(0.0));
  CHECK(all.at("comparison").at("METEOR").at("high").get<double>() == Approx(0.6 - 0.22));
}

TEST_CASE("a METEOR program that does not answer as it should is an error") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string jar = setup.write("meteor.jar", "x");
  const auto refused = [&](const std::string& script, const std::string& part) {
    check_error(setup.evaluate(setup.references, setup.hypotheses,
                               {"--meteor-jar", jar, "--java", setup.script("java", script)}),
                1, "METEOR: " + (setup.dir.path() / "java").string() + ": " + part);
  };
  refused("exit 3\n", "it ");
  refused("read -r line; echo what\n", "expected 23 numbers, found 'what'");
  refused("read -r line; echo; cat\n", "expected 23 numbers, found ''");
  refused("read -r line; echo 1 2; cat\n", "expected 23 numbers, found '1 2'");
  const std::string counts =
      "for i in 1 2; do read -r line; echo 1 1 0 0 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 1; done\n"
      "read -r line; echo 0; ";
  refused(counts + "echo nan; cat\n", "expected 1 number, found 'nan'");
  refused(counts + "echo 1 2; cat\n", "expected 1 number, found '1 2'");
  refused(counts, "it ended without an answer");
}

TEST_CASE("METEOR's own program gives e2e-metrics' figures") {
  SOLO_NEEDS_PROGRAM;
  const char* const jar = std::getenv("SOLO_METEOR_JAR");
  if (jar == nullptr) SOLO_SKIP("SOLO_METEOR_JAR names no jar: METEOR's own program was not run");
  const Setup setup;
  const auto meteor = [&](const std::string& refs, const std::string& texts) {
    const Outcome outcome = test::wait_for_program(
        setup.dir, test::start_program(
                       setup.dir,
                       {test::program()->string(), "evaluate", "--references", refs, "--hypotheses",
                        texts, "--meteor-jar", jar, "--per-instance", "--json"},
                       {}, false));
    INFO(outcome.err);
    REQUIRE(outcome.status == 0);
    return outcome.json();
  };
  const auto near = [](double value) { return Approx(value).epsilon(0).margin(1e-6); };
  const Json three =
      meteor(setup.write("refs3.txt", R"(The Eagle is a cheap coffee shop near Burger King .
Near Burger King , The Eagle is a coffee shop with low prices .
The Eagle coffee shop is cheap ; it 's near Burger King .

Green Man is a family - friendly pub in the city centre with prices of £ 20 - 25 .
In the city centre you can find Green Man , a kid friendly pub . Its price range is £ 20 - 25 .

Café Adriatic serves Italian food by the riverside . It is n't family - friendly .
By the river , Café Adriatic serves Italian food and is not child friendly .
Café Adriatic is an adult only Italian restaurant in the riverside area .
)"),
             setup.write("said3.txt", R"(The Eagle is a cheap coffee shop located near Burger King .
Green Man is a family friendly pub in the city centre . Its price range is £ 20 - 25 .
Café Adriatic serves Italian food in the riverside area . It is not family - friendly .
)"));
  CHECK(three.at("METEOR").get<double>() == near(0.497553));
  const std::array<double, 3> each = {0.554731, 0.522664, 0.430228};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(three.at("instances")[i].at("METEOR").get<double>() == near(each[i]));
  }
  const auto shared = test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const std::vector<std::pair<const char*, double>> anchors = {
      {"lora_test.txt", 0.459123}, {"testset_w_refs.csv", 0.459096}, {"devset.csv", 0.449818}};
  for (const auto& [file, expected] : anchors) {
    INFO(file);
    std::string references;
    std::string first;  // of each meaning, scored against the others
    for (const ReferenceGroup& group : read_reference_groups(*shared / "data" / "e2e" / file)) {
      first += group.references[0] + '\n';
      for (std::size_t i = group.references.size() > 1 ? 1 : 0; i < group.references.size(); ++i) {
        references += group.references[i] + '\n';
      }
      references += '\n';
    }
    const Json scores =
        meteor(setup.write("anchor-refs.txt", references), setup.write("anchor.txt", first));
    CHECK(scores.at("METEOR").get<double>() == near(expected));
  }
}

TEST_CASE("solo evaluate takes generate's lines and warns of empty texts") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string json = setup.write(
      "texts.jsonl", "{\"text\": \"a b c d e f\"}\n{\"text\": \"g h i j k z\", \"x\": 1}\n");
  CHECK(setup.scores(setup.references, json) == setup.scores(setup.references, setup.hypotheses));
  const std::string marked = setup.write("marked.txt",
                                         "\xEF\xBB\xBF"
                                         "a b c d e f\ng h i j k z\n");
  const Json same = setup.scores(setup.references, setup.hypotheses, {"--compare", marked});
  CHECK(same.at("comparison").at("BLEU").at("difference") == 0.0);

  const Outcome empty =
      setup.evaluate(setup.references, setup.write("empty.txt", "a b c d e f\n\n"), {"--json"});
  CHECK(empty.status == 0);
  CHECK(empty.err.find("empty.txt: 1 of 2 texts is empty, number 2") != std::string::npos);
  const Outcome fewer = setup.evaluate(setup.references, setup.write("one.txt", "a\n"));
  check_error(fewer, 1, "refs.txt");
  CHECK(fewer.err.find("one.txt") != std::string::npos);
}
