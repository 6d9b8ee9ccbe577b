// SPDX-License-Identifier: MIT
// evaluate on the files people give it, runs that go on longer, hang-ups and limits of file sizes.
#include "cases/everyday.hpp"

#include <chrono>
#include <csignal>
#include <thread>

using namespace solo;
using test::check_error;
using test::check_number;
using test::check_warning;
using test::Everyday;
using test::Outcome;

namespace {

Outcome evaluate(const Everyday& e, const std::string& references, const std::string& hypotheses,
                 const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"evaluate", "--references", references, "--hypotheses",
                                        hypotheses, "--json",       "--quiet"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return e.run(arguments);
}

Outcome evaluate_folder(const Everyday& e, const std::string& folder,
                        const std::vector<std::string>& more = {}) {
  return evaluate(e, e.file(folder + "/refs.txt"), e.file(folder + "/texts.txt"), more);
}

void check_plain_scores(const Outcome& o) {
  check_number(o, "BLEU", 0.667545, 1e-6);
  check_number(o, "NIST", 3.883803, 1e-6);
  check_number(o, "ROUGE_L", 0.890476, 1e-6);
  check_number(o, "CIDEr", 5.474879, 1e-6);
}

/// A run of lora on 20 lines, 10 steps an epoch.
Outcome train(const Everyday& e, const std::string& folder, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"train",
                                        "--model",
                                        e.model("tiny"),
                                        "--method",
                                        "lora",
                                        "--rank",
                                        "2",
                                        "--batch-size",
                                        "2",
                                        "--save-steps",
                                        "5",
                                        "--train",
                                        e.file(folder + "/train.jsonl"),
                                        "--output",
                                        e.output("out"),
                                        "--json",
                                        "--quiet",
                                        "--threads",
                                        "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return e.run(arguments);
}

}  // namespace

TEST_CASE("everyday 06: evaluate takes the lines that generate prints") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  check_plain_scores(evaluate(e, e.file("06-evaluate-jsonl/refs.txt"),
                              e.file("06-evaluate-jsonl/predictions.jsonl")));
  const std::string folder = "06-evaluate-jsonl-pipe";
  REQUIRE(e.shell("$SOLO generate --model $E/models/tiny --input $E/" + folder +
                  "/prompts.jsonl --max-new-tokens 4 --threads 1 > $O/predictions.jsonl")
              .status == 0);
  const Outcome plain = evaluate_folder(e, folder);
  const Outcome lines = evaluate(e, e.file(folder + "/refs.txt"), e.output("predictions.jsonl"));
  INFO(lines.err);
  REQUIRE(plain.status == 0);
  CHECK(lines.out == plain.out);
}

TEST_CASE("everyday 12: a byte order mark in a text file") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  check_plain_scores(evaluate_folder(e, "12-byte-order-mark-texts"));
  const std::string folder = "12-byte-order-mark-compare";
  const Outcome o = evaluate_folder(e, folder, {"--compare", e.file(folder + "/other.txt")});
  check_plain_scores(o);
  const Json json = o.json();
  for (const auto& [metric, values] : json.at("comparison").items()) {
    INFO(metric);
    if (!values.is_object() || !values.contains("difference")) continue;
    CHECK(values.at("difference") == 0.0);
  }
}

TEST_CASE("everyday 15: a run goes on for longer") {
  SOLO_NEEDS_EVERYDAY;
  {
    const Everyday e;
    const std::string folder = "15-resume-longer-epochs";
    REQUIRE(test::number_of(train(e, folder, {"--epochs", "1"}), "steps") == 10);
    check_number(train(e, folder, {"--epochs", "3", "--resume"}), "steps", 30, 0);
  }
  {
    const Everyday e;
    const std::string folder = "15-resume-longer-max-steps";
    REQUIRE(test::number_of(train(e, folder, {"--max-steps", "10"}), "steps") == 10);
    check_number(train(e, folder, {"--max-steps", "20", "--resume"}), "steps", 20, 0);
  }
}

TEST_CASE("everyday 19: a closed terminal ends training with a checkpoint") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const std::string run =
      "$SOLO train --model $E/models/tiny --method lora --rank 2 --batch-size 2 --logging-steps 1 "
      "--train $E/19-hangup-train/train.jsonl --output $O/out --json --threads 1 --max-steps 2500 ";
  const Outcome hung_up = e.shell(
      run +
      "& pid=$!; for i in $(seq 600); do "
      "[ \"$(cat $O/out/log.jsonl 2>/dev/null | wc -l)\" -ge 20 ] && break; sleep 0.05; done; "
      "kill -HUP $pid; wait $pid; echo status $?");
  INFO(hung_up.out << hung_up.err);
  CHECK(hung_up.out.find("status 129") != std::string::npos);
  bool checkpoint = false;
  for (const auto& entry : std::filesystem::directory_iterator(e.output("out"))) {
    checkpoint = checkpoint || entry.path().filename().string().starts_with("checkpoint-");
  }
  CHECK(checkpoint);
  check_number(e.shell(run + "--resume --quiet"), "steps", 2500, 0);
}

TEST_CASE("everyday 20: empty texts are told") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const Outcome one = evaluate_folder(e, "20-empty-texts-one-empty");
  check_number(one, "BLEU", 0.524938, 1e-6);
  check_warning(one, "empty");
  const Outcome last = evaluate_folder(e, "20-empty-texts-last-empty");
  check_number(last, "BLEU", 0.908554, 1e-6);
  check_warning(last, "empty");
}

TEST_CASE("everyday 23: a limit on file sizes is an error line") {
  SOLO_NEEDS_EVERYDAY;
  const std::vector<std::string> commands = {
      "train --model $E/models/tiny --method full --train "
      "$E/23-file-size-limit-train-full/train.jsonl --output $O/out --max-steps 1",
      "merge --model $E/models/tiny --adapter $E/models/plain --output $O/out"};
  for (const std::string& command : commands) {
    const Everyday e;
    // 16 blocks of 1 kB; the shell's own files are smaller.
    const Outcome o = e.shell("ulimit -f 16; $SOLO " + command + " --quiet --threads 1");
    INFO(command);
    check_error(o, 1, "too large");
    const Outcome left = e.shell("find $O -name '*solo-tmp*'");
    CHECK(left.out == "");
  }
}

TEST_CASE("everyday 24: numbers of texts and references that differ") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const Outcome o = evaluate_folder(e, "24-counts-differ-fewer");
  for (const char* part : {"texts.txt", "refs.txt", "2", "3"}) check_error(o, 1, part);
}

TEST_CASE("everyday 26: lines of a megabyte") {
  SOLO_NEEDS_EVERYDAY;
  const Everyday e;
  const Outcome o = evaluate(e, e.file("26-long-lines-letters/references.txt"),
                             e.file("26-long-lines-letters/hypotheses.txt"));
  INFO(o.err);
  CHECK(o.status == 0);
}
