// SPDX-License-Identifier: MIT
// The process around the program: closed streams, limits, signals.
#include <solo/train/checkpoint.hpp>

#include "cli/program.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

using namespace solo;
using test::Outcome;
using test::slurp;

namespace {

struct Setup {
  test::TempDir dir;
  std::string model = test::model_with_tokenizer(dir);
  std::string data = test::train_file(dir);

  /// The words of a training run for a shell that stands in the folder.
  [[nodiscard]] std::string train(const std::string& more) const {
    return "'" + test::program()->string() + "' train --model '" + model + "' --train '" + data +
           "' --method lora --rank 2 --batch-size 2 --output out " + more;
  }
  [[nodiscard]] Outcome shell(const std::string& script) const {
    return test::run_program(
        dir, {"/bin/sh", "-c", "cd '" + dir.path().string() + "' || exit 1\n" + script});
  }
  [[nodiscard]] std::vector<std::string> temporaries() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
      if (entry.path().filename().string().starts_with(".solo-tmp")) found.push_back(entry.path());
    }
    return found;
  }
};

}  // namespace

TEST_CASE("closed streams get no file of the run") {
  SOLO_NEEDS_PROGRAM;
  for (const std::string closed :
       {"0<&-", "1>&-", "2>&-", "0<&- 1>&-", "0<&- 2>&-", "1>&- 2>&-", "0<&- 1>&- 2>&-"}) {
    INFO(closed);
    const Setup setup;
    const Outcome o = setup.shell(setup.train("--max-steps 20 --logging-steps 1 " + closed));
    CHECK(o.status == 0);
    std::ifstream log(setup.dir.path() / "out" / "log.jsonl");
    int lines = 0;
    for (std::string line; std::getline(log, line); ++lines) {
      CHECK_NOTHROW(parse_json(line, "log.jsonl"));
    }
    CHECK(lines >= 20);
    const Json state =
        parse_json(slurp(setup.dir.path() / "out" / "trainer_state.json"), "trainer_state.json");
    CHECK(state.at("global_step") == 20);
  }
}

TEST_CASE("every command runs without any stream") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string solo = "'" + test::program()->string() + "' ";
  const std::string closed = " 0<&- 1>&- 2>&-";
  CHECK(setup.shell(solo + "doctor" + closed).status == 0);
  CHECK(setup.shell(solo + "--help" + closed).status == 0);
  CHECK(setup.shell(solo + "unknown" + closed).status == 2);
  CHECK(setup.shell(solo + "params --size gpt2 --method lora" + closed).status == 0);
  CHECK(setup.shell(solo + "tokenize --tokenizer model" + closed).status == 0);
  CHECK(setup.shell(solo + "inspect model" + closed).status == 0);
  CHECK(setup.shell(solo + "generate --model model --prompt Once --max-new-tokens 2" + closed)
            .status == 0);
  CHECK(
      setup.shell(solo + "tokenizer-train --input train.jsonl --vocab-size 300 --output t" + closed)
          .status == 0);
  CHECK(std::filesystem::exists(setup.dir.path() / "t" / "vocab.json"));
}

TEST_CASE("a limit on file sizes is one error line, and nothing half-written is left") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string full = "'" + test::program()->string() + "' train --model model --train '" +
                           setup.data + "' --method full --output out --max-steps 1 --quiet";
  test::check_error(setup.shell("ulimit -f 16; " + full), 1, "File too large");
  CHECK(setup.temporaries().empty());
  CHECK_FALSE(std::filesystem::exists(setup.dir.path() / "out" / "model.safetensors"));
}

TEST_CASE("a full device is one error line") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  if (!std::filesystem::exists("/dev/full")) SOLO_SKIP("needs /dev/full");
  for (const char* const words : {"--help", "--version", "train --help"}) {
    const Outcome help =
        setup.shell(concat("'", test::program()->string(), "' ", words, " > /dev/full"));
    test::check_error(help, 1, "stdout: cannot write");
  }
  const Outcome o = setup.shell("'" + test::program()->string() + "' doctor > /dev/full");
  test::check_error(o, 1, "stdout: cannot write");
}

TEST_CASE("a run under nohup outlives its terminal, and one whose progress nobody reads goes on") {
  SOLO_NEEDS_PROGRAM;
  const Setup setup;
  const std::string hangup =
      "trap '' HUP; " + setup.train("--max-steps 300 --threads 1 --logging-steps 1 2> /dev/null") +
      " & child=$!; while [ ! -s out/log.jsonl ]; do sleep 0.05; done; kill -HUP $child; "
      "wait $child";
  CHECK(setup.shell(hangup).status == 0);
  CHECK(std::filesystem::exists(setup.dir.path() / "out" / "adapter_model.safetensors"));
  std::filesystem::remove_all(setup.dir.path() / "out");
  const std::string unread =
      "{ " + setup.train("--max-steps 100 --json") + " 2>&1 > result; echo $? > status; } | true";
  CHECK(setup.shell(unread).status == 0);
  CHECK(slurp(setup.dir.path() / "status") == "0\n");
  CHECK(slurp(setup.dir.path() / "result").find("\"steps\":100") != std::string::npos);
}

TEST_CASE(
    "a closed terminal stops a run, though it sends several signals, and a second Ctrl-C kills") {
  SOLO_NEEDS_PROGRAM;
  const auto signalled = [](const std::string& signals) {
    const Setup setup;
    return setup
        .shell(
            setup.train("--max-steps 100000 --threads 1 --logging-steps 1 2> /dev/null") +
            " & child=$!; while [ ! -s out/log.jsonl ] && kill -0 $child; do sleep 0.05; done; " +
            signals + "; wait $child")
        .status;
  };
  CHECK(signalled("kill -HUP $child; kill -HUP $child") == 128 + SIGHUP);
  CHECK(signalled("kill -TERM $child; kill -TERM $child") == 128 + SIGTERM);
  CHECK(signalled("kill -XCPU $child; kill -XCPU $child") == 128 + SIGXCPU);
}
