// SPDX-License-Identifier: MIT
// Runs that fail, that are killed or that meet another; damaged files; options that say nothing.
#include "cli/program.hpp"

#include <algorithm>

using namespace solo;
using test::check_error;
using test::Outcome;
using test::TempDir;

namespace {

/// An empty folder with a small model `m` and the files ids.jsonl and text.jsonl, in which lines of
/// the shell run; $SOLO is the program.
class Place {
 public:
  Place() {
    const std::string model = test::model_with_tokenizer(dir_);
    std::filesystem::rename(model, dir_.path() / "m");
    std::ofstream ids(dir_.path() / "ids.jsonl");
    for (int i = 1; i <= 8; ++i) {
      ids << R"({"input_ids":[)" << i << ",2,3,4," << i + 9 << "]}\n";
    }
    std::ofstream(dir_.path() / "text.jsonl")
        << R"({"prompt":"a b","completion":"hello there"})" << '\n'
        << R"({"prompt":"c d","completion":"other words"})" << '\n';
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return dir_.path() / name;
  }
  [[nodiscard]] Outcome shell(const std::string& line) const {
    return test::run_program(dir_, {"/bin/bash", "-c",
                                    "cd '" + dir_.path().string() + "'; SOLO='" +
                                        test::program()->string() + "'; " + line});
  }
  /// A line that has to succeed; its standard output.
  [[nodiscard]] std::string output(const std::string& line) const {
    const Outcome o = shell(line);
    INFO(line << "\nstdout: " << o.out << "\nstderr: " << o.err);
    REQUIRE(o.status == 0);
    return o.out;
  }
  [[nodiscard]] std::string loss(const std::string& adapter) const {
    return output("$SOLO score --model m --adapter " + adapter + " --input ids.jsonl");
  }

 private:
  TempDir dir_;
};

const std::string kTrain = "$SOLO train --model m --train ids.jsonl --method lora --quiet ";

}  // namespace

TEST_CASE("a run that fails leaves the old adapter and what belongs to it") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  const std::string train =
      "$SOLO train --model m --train text.jsonl --output o --method lora --max-steps 60 "
      "--batch-size 2 --quiet ";
  const std::string generate =
      "$SOLO generate --model m --adapter o --prompt 'a b' --max-new-tokens 12";
  (void)p.output(train + "--learning-rate 0.02 --separator eos");
  const std::string text = p.output(generate);
  CHECK(text.find("hello there") != std::string::npos);
  const Outcome failed = p.shell(train + "--learning-rate 1e30 --separator none");
  check_error(failed, 1, "");
  CHECK(p.output(generate) == text);
}

TEST_CASE("an adapter killed between its two files is refused or whole") {
  SOLO_NEEDS_PROGRAM;
#ifdef SOLO_SANITIZED
  SOLO_SKIP("the sanitizers' runtime has to be the first library");
#endif
  const Place p;
  if (!test::has_program("gcc")) SOLO_SKIP("needs gcc");
  std::ofstream(p.path("k.c")) << R"(#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
static int count;
int rename(const char* a, const char* b) {
  if (strstr(b, "/o/") || strncmp(b, "o/", 2) == 0)
    if (++count == atoi(getenv("KILL_AT"))) raise(SIGKILL);
  return ((int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename"))(a, b);
}
)";
  (void)p.output("gcc -shared -fPIC k.c -o k.so -ldl");
  const std::string train = kTrain +
                            "--rank 2 --learning-rate 0.01 --max-steps 30 --batch-size 2 "
                            "--threads 1 ";
  (void)p.output(train + "--output old --lora-alpha 4");
  (void)p.output(train + "--output new --lora-alpha 64");
  const std::string before = p.loss("old");
  const std::string after = p.loss("new");
  REQUIRE(before != after);
  int killed = 0;
  for (int at = 1; at <= 12; ++at) {
    (void)p.output("rm -rf o; cp -r old o");
    const Outcome run = p.shell("export LD_PRELOAD=$PWD/k.so KILL_AT=" + std::to_string(at) + "; " +
                                train + "--output o --lora-alpha 64");
    const Outcome o = p.shell("$SOLO score --model m --adapter o --input ids.jsonl");
    INFO("killed at rename " << at << ": " << o.out << o.err);
    if (run.status != 0) ++killed;
    if (o.status == 0) {
      CHECK((o.out == before || o.out == after));
    } else {
      check_error(o, 1, "");
    }
    if (run.status == 0) {
      CHECK(o.out == after);
      break;
    }
  }
  CHECK(killed >= 2);
}

TEST_CASE("a checkpoint holds however long the log is") {
  SOLO_NEEDS_PROGRAM;
#ifdef SOLO_SANITIZED
  SOLO_SKIP("130,000 steps");
#endif
  const Place p;
  const std::string train = kTrain +
                            "--output o --rank 1 --batch-size 1 --logging-steps 1 "
                            "--save-steps 65000 --threads 1 ";
  (void)p.output(train + "--max-steps 130000");
  (void)p.output(train + "--max-steps 130001 --resume");
}

TEST_CASE("an option without a value is an error, as is a number beyond 64 bits") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  for (const std::string option :
       {"--learning-rate", "--max-grad-norm", "--adam-beta1", "--seed", "--warmup-steps", "--rank",
        "--dropout", "--max-steps", "--epochs", "--batch-size", "--threads", "--weight-decay"}) {
    check_error(p.shell(kTrain + "--output o " + option + " ''"), 2, option);
  }
  check_error(p.shell(kTrain + "--output o --seed 18446744073709551616"), 2, "--seed");
  CHECK_FALSE(std::filesystem::exists(p.path("o")));
}

TEST_CASE("two runs into one folder: one of them is told who is there") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  const Outcome o = p.shell(
      "for s in 1 2; do " + kTrain +
      "--output o --max-steps 2000 --batch-size 3 --logging-steps 1 --save-steps 200 --seed $s "
      "--threads 1 >/dev/null 2>e$s & pids=\"$pids $!\"; sleep 0.2; done; "
      "for i in $pids; do wait $i; echo $?; done; cat e1 e2; wc -l < o/log.jsonl");
  INFO(o.out << o.err);
  CHECK(o.out.starts_with("0\n1\nerror: "));
  CHECK(o.out.ends_with("2000\n"));
}

TEST_CASE("closed descriptors do not become the files of a run") {
  SOLO_NEEDS_PROGRAM;
  for (const std::string closed : {"2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-"}) {
    const Place p;
    INFO(closed);
    (void)p.shell(
        "$SOLO train --model m --train ids.jsonl --output o --method lora "
        "--max-steps 30 " +
        closed);
    const std::string log = test::slurp(p.path("o/log.jsonl"));
    CHECK(log.starts_with('{'));
    for (std::size_t begin = 0; begin < log.size(); begin = log.find('\n', begin) + 1) {
      CHECK(log[begin] == '{');
    }
    (void)p.loss("o");
  }
}

TEST_CASE("counts of an absurd configuration are no negative numbers") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  check_error(
      p.shell("sed -i 's/\"n_embd\": 32/\"n_embd\": 16777216/; s/\"n_layer\": 4/\"n_layer\": "
              "4096/; s/\"n_head\": 4/\"n_head\": 4096/' m/config.json; "
              "$SOLO params --model m --method lora"),
      1, "");
}

TEST_CASE("the task_type of an adapter is checked in every kind") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  for (const std::string kind : {"lora", "solo", "bitfit", "ln_tuning"}) {
    INFO(kind);
    (void)p.output("$SOLO train --model m --train ids.jsonl --output " + kind + " --method " +
                   kind + " --max-steps 2 --quiet");
    const Outcome o = p.shell(
        "sed -i 's/\"task_type\": \"CAUSAL_LM\"/\"task_type\": \"SEQ_CLS\"/' " + kind +
        "/adapter_config.json; $SOLO score --model m --adapter " + kind + " --input ids.jsonl");
    check_error(o, 1, "task_type");
  }
}

TEST_CASE("a damaged piece of a prefix cache is computed again") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  const std::string train = "rm -rf o; " + kTrain +
                            "--output o --layers-to-transform 3 --max-steps 8 --batch-size 4 "
                            "--prefix-cache pc; ";
  (void)p.output(train + "cp -r o first");
  (void)p.output("size=$(stat -c %s pc); truncate -s $((size - 640)) pc; truncate -s $size pc");
  const Outcome again = p.shell(train);
  INFO(again.err);
  CHECK(again.status == 0);
  CHECK(again.err.find("warning: ") != std::string::npos);
  CHECK(test::slurp(p.path("o/adapter_model.safetensors")) ==
        test::slurp(p.path("first/adapter_model.safetensors")));
  (void)p.output(train + "true");
}

TEST_CASE("full fine-tuning does not overwrite its base") {
  SOLO_NEEDS_PROGRAM;
  const Place p;
  const std::string before = test::slurp(p.path("m/model.safetensors"));
  (void)p.output("ln -s m link");
  for (const std::string output : {"m", "./m/", "link", "x/../m"}) {
    INFO(output);
    check_error(p.shell("mkdir -p x; $SOLO train --model m --train ids.jsonl --output " + output +
                        " --method full --max-steps 3 --quiet"),
                2, "--output");
    CHECK(test::slurp(p.path("m/model.safetensors")) == before);
  }
}

TEST_CASE("counts in generation_config.json are bounded") {
  SOLO_NEEDS_PROGRAM;
  for (const std::string counts :
       {"\"num_beams\":10000000", "\"num_beams\":9223372036854775807",
        "\"num_return_sequences\":10000000,\"do_sample\":true",
        "\"num_return_sequences\":9223372036854775807,\"do_sample\":true"}) {
    const Place p;
    std::ofstream(p.path("m/generation_config.json")) << "{\"eos_token_id\":511," << counts << "}";
    const Outcome o = p.shell("$SOLO generate --model m --prompt hi --max-new-tokens 1");
    check_error(o, 1, counts.substr(1, counts.find(':') - 2));
    CHECK(o.peak_kib < 300 * 1024);
  }
}

TEST_CASE("a stream goes on after ids beyond the tokenizer") {
  SOLO_NEEDS_PROGRAM;
  const auto shared = test::shared_dir();
  if (!shared) SOLO_SKIP("needs ../shared");
  const Place p;
  const std::string padded = (*shared / "cases" / "everyday" / "models" / "padded").string();
  const std::string generate = "$SOLO generate --model " + padded +
                               " --prompt hello --do-sample --top-k 0 --temperature 2 "
                               "--max-new-tokens 40 --seed ";
  for (const std::string seed : {"1", "2", "3"}) {
    const std::string streamed = p.output(generate + seed + " --stream");
    const Json whole = parse_json(p.output(generate + seed + " --json"), "stdout");
    std::string text = whole.at("text").get<std::string>();
    CHECK(streamed == text + "\n");
  }
}
