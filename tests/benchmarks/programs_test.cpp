// SPDX-License-Identifier: MIT
/// @file
/// The programs that benchmarks/peers runs do what they are timed for.
#include <solo/core/error.hpp>

#include "cli/program.hpp"
#include "support/catch.hpp"

#include <fstream>

#ifdef SOLO_BENCHMARKS

using solo::Json;
using solo::test::Outcome;
using solo::test::run_program;

namespace {

std::string program(const std::string& name) {
  return solo::concat(SOLO_BENCHMARKS, "/benchmark_", name);
}

}  // namespace

TEST_CASE("benchmark_decode makes exactly the asked number of tokens") {
  const solo::test::TempDir dir;
  const std::string model = solo::test::model_with_tokenizer(dir);
  const std::string prompts = dir.path() / "prompts.json";
  std::ofstream(prompts) << "[[1, 2, 3], [4, 5, 6]]";
  for (const std::string beams : {"1", "3"}) {
    const Outcome o =
        run_program(dir, {program("decode"), model, "float32", "1", beams, "5", "2", prompts});
    INFO(o.err);
    REQUIRE(o.status == 0);
    const Json result = o.json();
    CHECK(result.at("seconds").size() == 2);
    REQUIRE(result.at("ids").size() == 2);
    for (const Json& ids : result.at("ids")) CHECK(ids.size() == 5);
  }
}

TEST_CASE("benchmark_load tells both of its times, and the first logit") {
  const solo::test::TempDir dir;
  const std::string model = solo::test::model_with_tokenizer(dir);
  const auto logit = [&](const std::string& dtype) {
    const Outcome o = run_program(dir, {program("load"), model, dtype, "1"});
    INFO(o.err);
    REQUIRE(o.status == 0);
    CHECK(o.json().at("seconds").get<double>() > 0.0);
    CHECK(o.json().at("first_logits_seconds").get<double>() > 0.0);
    return o.json().at("first_logit").get<double>();
  };
  CHECK(logit("bfloat16") == Approx(logit("float32")).margin(0.1));
}

TEST_CASE("programs of the benchmarks refuse wrong arguments in one line") {
  const solo::test::TempDir dir;
  const auto refused = [&](std::vector<std::string> arguments, int status,
                           const std::string& part) {
    arguments.front() = program(arguments.front());
    solo::test::check_error(run_program(dir, arguments), status, part);
  };
  const std::string none = dir.path() / "none";
  refused({"load", none}, 2, "usage: benchmark_load MODEL");
  refused({"load", none, "float32", "1"}, 1, "none");
  refused({"load", none, "float8", "1"}, 1, "float8");
  refused({"decode", none, "float32", "x", "1", "1", "1", none}, 1, "'x'");
  refused({"make_model", "gpt3", "0", none}, 1, "gpt3");
  refused({"make_model", "gpt2", "-1", none}, 1, "-1");
}

#endif
