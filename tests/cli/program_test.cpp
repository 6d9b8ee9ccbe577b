// SPDX-License-Identifier: MIT
// The solo program as its users call it: exit status, streams, files.
#include "cli/program.hpp"

#include <solo/io/safetensors.hpp>

#include <cmath>
#include <fstream>

using namespace solo;
using test::check_error;
using test::kModel;
using test::kTokenizer;
using test::model_with_tokenizer;
using test::Outcome;
using test::solo_program;
using test::train_file;

TEST_CASE("a wrong command line is one error line and exit status 2") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  check_error(solo_program(dir, {}), 2, "");
  check_error(solo_program(dir, {"fly"}), 2, "");
  check_error(solo_program(dir, {"doctor", "--bogus"}), 2, "--bogus");
  check_error(solo_program(dir, {"doctor", "stray"}), 2, "stray");
  check_error(solo_program(dir, {"doctor", "--threads", "1", "--threads", "2"}), 2, "--threads");
  check_error(solo_program(dir, {"doctor", "--json", "--json"}), 2, "--json");
  check_error(solo_program(dir, {"score", "--model", "", "--input", "x"}), 2, "--model");
  check_error(solo_program(dir, {"params", "--method", "solo"}), 2, "--size or --model");
  check_error(solo_program(dir, {"params", "--size", "gpt2", "--method", "lora", "--stride", "2"}),
              2, "--stride");
  check_error(solo_program(dir, {"generate", "--model", kModel}), 2, "--prompt or --input");
}

TEST_CASE("params counts what the published tables count") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const auto trainable = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"params", "--json", "--size"});
    return solo_program(dir, std::move(arguments)).json().at("trainable").get<Index>();
  };
  CHECK(trainable({"gpt2-medium", "--method", "solo", "--rank", "64"}) == 144139);
  CHECK(trainable({"gpt2-medium", "--method", "solo", "--preset", "solo-table1"}) == 259499);
  CHECK(trainable({"gpt2-xl", "--method", "solo", "--rank", "128"}) == 451095);
  CHECK(trainable({"gpt2", "--method", "lora"}) == 294912);
  CHECK(trainable({"gpt2-large", "--method", "lora", "--rank", "4", "--target-modules",
                   "c_attn.q,c_attn.v"}) == 737280);
  CHECK(trainable({"gpt2", "--method", "full"}) == 124439808);
  const Outcome text = solo_program(dir, {"params", "--size", "gpt2", "--method", "lora"});
  CHECK(text.out.starts_with(
      "trainable params: 294,912 || all params: 124,734,720 || trainable%: 0.2364\n"));
}

TEST_CASE("the option --target-modules takes names, all-linear or an expression") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const auto trainable = [&](const std::string& targets, const std::string& excluded = {}) {
    std::vector<std::string> arguments = {"params", "--size",           "gpt2", "--method", "lora",
                                          "--json", "--target-modules", targets};
    if (!excluded.empty()) arguments.insert(arguments.end(), {"--exclude-modules", excluded});
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return o.json().at("trainable").get<int>();
  };
  // As peft counts them for r = 8.
  CHECK(trainable("h.0.attn.c_attn,mlp.c_fc") == 393'216);
  CHECK(trainable("all-linear") == 1'179'648);
  CHECK(trainable("All-Linear") == 1'179'648);
  CHECK(trainable(R"(.*\.h\.(0|1)\.attn\.c_(attn|proj))") == 73'728);
  CHECK(trainable(R"(.*\.h\.\d{1,2}\.attn\.c_attn)") == 294'912);
  CHECK(trainable("c_attn", R"(.*\.h\.\d\..*)") == 49'152);
  CHECK(trainable("wte,c_attn") == 703'112);
  CHECK(trainable("wte,lm_head") == 816'400);
  check_error(solo_program(dir, {"params", "--size", "gpt2", "--method", "lora", "--target-modules",
                                 "(c_attn"}),
              1, "target_modules");

  const std::string model = model_with_tokenizer(dir);
  const std::string out = dir.path() / "out";
  const std::string expression = R"(.*\.(0|1)\.attn\.c_attn.*)";
  const auto train = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train",       "--model", model,           "--method",
                                          "lora",        "--train", train_file(dir), "--quiet",
                                          "--max-steps", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    CHECK(o.status == 0);
  };
  train({"--output", out, "--target-modules", expression});
  CHECK(read_json_file(dir.path() / "out" / "adapter_config.json").at("target_modules") ==
        expression);
  train({"--output", dir.path() / "more", "--adapter", out});
}

TEST_CASE("embedding and head are targets: train, score, merge") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = model_with_tokenizer(dir);
  const std::string data = train_file(dir);
  const std::string out = dir.path() / "out";
  const std::string merged = dir.path() / "merged";
  const std::string ids = dir.path() / "ids.jsonl";
  std::ofstream(ids) << R"({"input_ids": [5, 17, 300, 42, 7, 9, 511, 201]})" << '\n';
  const auto run = [&](const std::vector<std::string>& arguments) {
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    REQUIRE(o.status == 0);
    return o.json();
  };
  const Json trained =
      run({"train", "--model", model, "--method", "lora", "--rank", "2", "--target-modules",
           "wte,lm_head,c_attn", "--learning-rate", "0.05", "--max-steps", "4", "--train", data,
           "--output", out, "--json", "--quiet"});
  CHECK(trained.at("trainable") == 2 * 2 * (512 + 32) + 4 * 2 * (32 + 96));
  const auto loss = [&](const std::string& of, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"score", "--model", of,       "--input",
                                          ids,     "--json",  "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments).at("loss").get<double>();
  };
  const double adapted = loss(model, {"--adapter", out});
  CHECK(std::abs(adapted - loss(model, {})) > 1e-3);
  (void)run({"merge", "--model", model, "--adapter", out, "--output", merged, "--json", "--quiet"});
  CHECK(std::abs(loss(merged, {}) - adapted) < 1e-5);
  CHECK(read_json_file(dir.path() / "merged" / "config.json").at("tie_word_embeddings") == false);
}

TEST_CASE("tokenize is its own inverse, line by line") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string text = "\"Blue Spice\"\n\"a <|endoftext|> b\"\n";
  const Outcome ids = solo_program(dir, {"tokenize", "--tokenizer", kTokenizer}, text);
  CHECK(ids.status == 0);
  CHECK(ids.out.find("511") != std::string::npos);
  CHECK(solo_program(dir, {"tokenize", "--tokenizer", kTokenizer, "--decode"}, ids.out).out ==
        text);
  CHECK(solo_program(dir, {"tokenize", "--tokenizer", kTokenizer, "--no-special"}, text)
            .out.find("511") == std::string::npos);
  const Outcome bad = solo_program(dir, {"tokenize", "--tokenizer", kTokenizer}, "\"a\"\n7\n");
  CHECK(bad.status == 1);
  CHECK(bad.err.find("stdin: line 2") != std::string::npos);
}

TEST_CASE("inspect lists tensors and refuses what is no safetensors file") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const Json listing = solo_program(dir, {"inspect", kModel, "--json"}).json();
  CHECK(listing.at("tensors").size() == 4 * 12 + 4);
  CHECK(listing.at("tensors").front().contains("dtype"));
  check_error(solo_program(dir, {"inspect", kModel + "/config.json"}), 1, "config.json");
  check_error(solo_program(dir, {"inspect", dir.path() / "none"}), 1, "none");
}

TEST_CASE("score prints the mean loss, and writes logits and gradients") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string input = dir.path() / "ids.jsonl";
  std::ofstream(input) << R"({"input_ids": [1, 2, 3, 4]})" << '\n'
                       << R"({"input_ids": [5, 6, 7], "labels": [-100, -100, 7]})" << '\n';
  const std::string logits = dir.path() / "logits.safetensors";
  const std::string grads = dir.path() / "grads.safetensors";
  const Outcome o = solo_program(dir, {"score", "--model", kModel, "--input", input, "--json",
                                       "--logits", logits, "--grads", grads});
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.json().at("tokens") == 4);
  const double loss = o.json().at("loss").get<double>();
  const Outcome wide = solo_program(
      dir, {"score", "--model", kModel, "--input", input, "--json", "--dtype", "float64"});
  CHECK(loss == test::Approx(wide.json().at("loss").get<double>()).epsilon(1e-6));
  const auto file = SafetensorsFile::open(logits);
  CHECK(file.at("0").shape == std::vector<Index>{4, 512});
  CHECK(file.at("1").shape == std::vector<Index>{3, 512});
  CHECK(SafetensorsFile::open(grads).tensors().size() == 4 * 12 + 4);

  std::ofstream(input) << R"({"input_ids": [1, 512]})" << '\n';
  check_error(solo_program(dir, {"score", "--model", kModel, "--input", input, "--json"}), 1,
              "512");
  std::ofstream(input) << R"({"input_ids": [1, 2], "label": [1, 2]})" << '\n';
  check_error(solo_program(dir, {"score", "--model", kModel, "--input", input, "--json"}), 1,
              "label");
  std::ofstream(input) << R"({"input_ids": [1]})" << '\n';
  check_error(solo_program(dir, {"score", "--model", kModel, "--input", input, "--json"}), 1,
              "nothing to score");
}

TEST_CASE("train, then generate and score with what was saved") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = model_with_tokenizer(dir);
  const std::string data = train_file(dir);
  for (const std::string method : {"solo", "lora", "full", "bitfit", "ln_tuning"}) {
    INFO(method);
    const std::string output = dir.path() / ("out-" + method);
    std::vector<std::string> arguments = {
        "train", "--model",  model,  "--method",    method, "--train",         data,   "--valid",
        data,    "--output", output, "--max-steps", "12",   "--learning-rate", "1e-2", "--json"};
    if (method == "solo") {
      arguments.insert(arguments.end(), {"--rank", "4", "--init", "identity", "--gate-init", "1"});
    }
    const Outcome o = solo_program(dir, arguments);
    INFO(o.err);
    REQUIRE(o.status == 0);
    const Json result = o.json();
    CHECK(result.at("steps") == 12);
    CHECK(result.at("eval_loss").get<double>() < result.at("initial_eval_loss").get<double>());
    CHECK(result.at("last_epoch_examples_per_second").get<double>() > 0.0);
    for (const char* file : {"trainer_state.json", "log.jsonl", "training_args.json", "report.md",
                             "vocab.json", "merges.txt"}) {
      INFO(file);
      CHECK(std::filesystem::is_regular_file(std::filesystem::path(output) / file));
    }
    std::vector<std::string> use = {"--model", method == "full" ? output : model};
    if (method != "full") use.insert(use.end(), {"--adapter", output});
    std::vector<std::string> generate = {"generate", "--prompt",         "name : 3",
                                         "--json",   "--max-new-tokens", "8"};
    generate.insert(generate.end(), use.begin(), use.end());
    const Outcome text = solo_program(dir, generate);
    INFO(text.err);
    REQUIRE(text.status == 0);
    CHECK(text.json().at("text").is_string());
    // The separator is appended because training had it.
    generate.insert(generate.end(), {"--separator", "eos"});
    CHECK(solo_program(dir, generate).out == text.out);
  }
}

TEST_CASE("training goes on from an adapter, and refuses another configuration") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = model_with_tokenizer(dir);
  const std::string data = train_file(dir);
  const std::string first = dir.path() / "first";
  const std::string second = dir.path() / "second";
  const auto train = [&](const std::string& output, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", "--model",     model, "--method",
                                          "lora",  "--train",     data,  "--output",
                                          output,  "--max-steps", "3",   "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  };
  const std::vector<std::string> parts = {"--target-modules", "c_attn.q,c_attn.v", "--rank", "2"};
  REQUIRE(train(first, parts).status == 0);
  std::vector<std::string> on = parts;
  on.insert(on.end(), {"--adapter", first, "--dropout", "0.1"});
  const Outcome o = train(second, on);
  INFO(o.err);
  REQUIRE(o.status == 0);
  CHECK(o.json().at("trainable") == 4 * 4 * 2 * 32);
  check_error(train(dir.path() / "third", {"--adapter", first, "--rank", "5"}), 1, "--rank");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "third"));
}

TEST_CASE("bad input stops a run before anything is written") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = model_with_tokenizer(dir);
  const std::string output = dir.path() / "out";
  const auto train = [&](const std::string& data, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"train", "--model", model, "--method", "solo", "--rank",
                                          "4",     "--train", data,  "--output", output};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return solo_program(dir, arguments);
  };
  const std::string data = dir.path() / "bad.jsonl";
  std::ofstream(data) << R"({"prompt": "a", "completion": "b"})"
                      << "\n{\"prompt\": \"a\"}\n";
  check_error(train(data), 1, "bad.jsonl: line 2");
  check_error(train(dir.path() / "none.jsonl"), 1, "none.jsonl");
  const std::string good = train_file(dir);
  check_error(train(good, {"--gate-init", "0"}), 1, "");
  check_error(train(good, {"--links", "0-9"}), 1, "");
  check_error(train(good, {"--epochs", "-1"}), 1, "epochs");
  check_error(train(good, {"--method", "lora"}), 2, "--method");
  CHECK_FALSE(std::filesystem::exists(output));
}

TEST_CASE("doctor says what runs") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const Json result = solo_program(dir, {"doctor", "--json", "--threads", "2"}).json();
  CHECK(result.at("threads") == 2);
  CHECK(result.at("simd_found").front() == "scalar");
  CHECK(result.at("versions").contains("Eigen"));
}
