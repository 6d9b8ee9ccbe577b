// SPDX-License-Identifier: MIT
// solo generate: every option reaches the library; what is printed, and in which order.
#include <solo/generate/generate.hpp>

#include "cli/program.hpp"

using namespace solo;
using test::check_error;
using test::kModel;
using test::Outcome;
using test::slurp;
using test::solo_program;

namespace {

std::vector<Json> json_lines(const Outcome& o) {
  INFO(o.err);
  REQUIRE(o.status == 0);
  std::vector<Json> lines;
  std::size_t begin = 0;
  while (begin < o.out.size()) {
    const std::size_t end = o.out.find('\n', begin);
    REQUIRE(end != std::string::npos);
    lines.push_back(parse_json(o.out.substr(begin, end - begin), "stdout"));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("generate: options mean what they mean in the library, sequences follow their prompt") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string input = dir.path() / "prompts.jsonl";
  std::ofstream(input) << R"({"input_ids": [5, 6, 7]})" << '\n' << R"({"input_ids": [9]})" << '\n';
  const std::vector<std::vector<int>> prompts = {{5, 6, 7}, {9}};
  const auto model = GPT2<float>::from_pretrained(kModel);
  const auto check = [&](const GenerateOptions& options, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"generate", "--model", kModel, "--input", input});
    std::vector<std::vector<int>> printed;
    for (const Json& line : json_lines(solo_program(dir, arguments))) {
      CHECK(line.size() == 3);
      CHECK(line.at("text").is_null());  // no tokenizer files there
      printed.push_back(line.at("output_ids").get<std::vector<int>>());
    }
    CHECK(printed == generate_ids(model, prompts, options));
  };
  check({}, {});
  check({.max_new_tokens = 12,
         .num_beams = 4,
         .length_penalty = -0.5,
         .no_repeat_ngram_size = 2,
         .repetition_penalty = 1.5,
         .num_return_sequences = 3,
         .eos_token_id = 33},
        {"--max-new-tokens", "12", "--num-beams", "4", "--length-penalty", "-0.5",
         "--no-repeat-ngram-size", "2", "--repetition-penalty", "1.5", "--num-return-sequences",
         "3", "--eos-token-id", "33"});
  check({.max_new_tokens = 12,
         .do_sample = true,
         .temperature = 1.5,
         .top_k = 0,
         .top_p = 0.95,
         .min_p = 0.001,
         .seed = 11,
         .num_return_sequences = 2,
         .eos_token_id = -1},
        {"--max-new-tokens", "12", "--do-sample", "--temperature", "1.5", "--top-k", "0", "--top-p",
         "0.95", "--min-p", "0.001", "--seed", "11", "--num-return-sequences", "2",
         "--eos-token-id", "-1"});
}

TEST_CASE("generate: --beam-style lora decodes each context of a data file once") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string folder = test::model_with_tokenizer(dir);
  const auto model = GPT2<float>::from_pretrained(folder);
  const auto tokenizer = Tokenizer::from_pretrained(folder);
  const std::string csv = dir.path() / "test.csv";
  std::ofstream(csv) << "mr,ref\nname[Old Mill],It is.\nname[B],B is.\nname[Old Mill],Yes.\n";
  const std::string meanings = dir.path() / "meanings.csv";
  std::ofstream(meanings) << "MR\nname[Old Mill]\nname[B]\n";
  const std::string txt = dir.path() / "test.data";
  std::ofstream(txt) << "name : Old Mill||It is .\nname : B||B is .\nname : Old Mill||Yes .\n";
  std::vector<std::vector<int>> prompts = {tokenizer.encode("name : Old Mill"),
                                           tokenizer.encode("name : B")};
  for (std::vector<int>& ids : prompts) ids.push_back(tokenizer.eos_token_id());
  const auto wanted = generate_ids(model, prompts,
                                   {.max_new_tokens = 20,
                                    .num_beams = 5,
                                    .beam_style = BeamStyle::lora,
                                    .length_penalty = 0.8,
                                    .no_repeat_ngram_size = 4,
                                    .extra_end_tokens = {tokenizer.token_id("\n\n")}});
  const auto check = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "--model", folder, "--separator", "eos",
                               "--max-new-tokens", "20", "--num-beams", "5", "--beam-style", "lora",
                               "--length-penalty", "0.8", "--no-repeat-ngram-size", "4"});
    std::vector<std::vector<int>> printed;
    for (const Json& line : json_lines(solo_program(dir, more))) {
      printed.push_back(line.at("output_ids").get<std::vector<int>>());
    }
    CHECK(printed == wanted);
  };
  check({"--input", csv});
  check({"--input", csv, "--batch-size", "0"});
  check({"--input", meanings, "--batch-size", "1"});
  check({"--input", txt, "--format", "txt"});
}

TEST_CASE("generate: with --beam-style lora the token of an empty line ends a text") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::filesystem::path folder = test::model_with_tokenizer(dir);
  // The vocabulary has no such token: "Ġ Ð" becomes "Ċ Ċ", with a number that the model likes.
  Json vocabulary = parse_json(slurp(folder / "vocab.json"), "vocab.json");
  vocabulary[":"] = vocabulary.at("ĠÐ");
  vocabulary.erase("ĠÐ");
  vocabulary["ĊĊ"] = 25;
  std::ofstream(folder / "vocab.json") << vocabulary;
  std::string merges = slurp(folder / "merges.txt");
  merges.replace(merges.find("\nĠ Ð\n"), std::string("\nĠ Ð\n").size(), "\nĊ Ċ\n");
  std::ofstream(folder / "merges.txt") << merges;
  const auto tokenizer = Tokenizer::from_pretrained(folder);
  REQUIRE(tokenizer.token_id("\n\n") == 25);
  const auto printed = [&](const char* style) {
    const Outcome o =
        solo_program(dir, {"generate", "--model", folder, "--prompt", "name", "--num-beams", "5",
                           "--length-penalty", "0", "--max-new-tokens", "20", "--eos-token-id",
                           "-1", "--beam-style", style, "--json"});
    return json_lines(o).at(0);
  };
  const Json ended = printed("lora");
  const auto ids = ended.at("output_ids").get<std::vector<int>>();
  CHECK(ids.size() < 20);
  CHECK(ids.back() == 25);
  CHECK(std::count(ids.begin(), ids.end(), 25) == 1);
  CHECK(ended.at("text").get<std::string>().find("\n\n") == std::string::npos);
  const auto others = printed("transformers").at("output_ids").get<std::vector<int>>();
  CHECK(others.size() == 20);
  CHECK(std::count(others.begin(), others.end(), 25) > 1);
}

TEST_CASE("generate: --stream prints the text that is printed without it, --stop may be repeated") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = test::model_with_tokenizer(dir);
  const std::vector<std::string> sample = {"generate", "--model",     model,    "--prompt",
                                           "name : X", "--do-sample", "--seed", "5"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), sample.begin(), sample.end());
    return solo_program(dir, more);
  };
  const Outcome whole = with({});
  REQUIRE(whole.status == 0);
  CHECK(with({"--stream"}).out == whole.out);
  const std::string text = json_lines(with({"--json"})).front().at("text").get<std::string>();
  CHECK(whole.out == text + '\n');

  const Outcome stopped = with({"--stop", "no such text", "--stop", "e", "--stop", "a"});
  REQUIRE(stopped.status == 0);
  const std::string cut = stopped.out.substr(0, stopped.out.size() - 1);
  CHECK(text.starts_with(cut));
  CHECK(cut.size() < text.size());
  CHECK(cut.find_first_of("ea") != std::string::npos);
}

TEST_CASE("generate: wrong options") {
  SOLO_NEEDS_PROGRAM;
  const test::TempDir dir;
  const std::string model = test::model_with_tokenizer(dir);
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "--model", model, "--prompt", "a"});
    return solo_program(dir, more);
  };
  check_error(with({"--num-beams", "0"}), 1, "--num-beams: expected 1 to 1024, found 0");
  check_error(with({"--do-sample", "--temperature", "0"}), 1, "temperature");
  check_error(with({"--do-sample", "--top-p", "1.5"}), 1,
              "--top-p: expected 0 < x <= 1, found 1.5");
  check_error(with({"--num-beams", "2", "--num-return-sequences", "3"}), 1, "at most num_beams 2");
  check_error(with({"--num-return-sequences", "2"}), 1, "num_return_sequences");
  check_error(with({"--num-beams", "2", "--stream"}), 1, "on_token");
  check_error(with({"--beam-style", "lora", "--do-sample"}), 1, "do_sample");
  check_error(with({"--beam-style", "other"}), 2, "--beam-style");
  check_error(with({"--batch-size", "-1"}), 2, "--batch-size");
  check_error(with({"--num-beams", "2.5"}), 2, "--num-beams");
  check_error(with({"--stop", ""}), 2, "--stop");
  check_error(with({"--stream", "--json"}), 2, "--stream");
  check_error(with({"--seed", "-1"}), 2, "--seed");
  CHECK(
      with({"--beam-style", "lora", "--length-penalty", "2", "--max-new-tokens", "2"}).err.empty());
  const Outcome idle = with({"--top-k", "5", "--max-new-tokens", "2"});
  CHECK(idle.status == 0);
  CHECK(idle.err == "warning: --top-k has no effect without --do-sample\n");
}
