// SPDX-License-Identifier: MIT
// data_to_text: makes the quickstart's task, and judges texts. scripts/quickstart runs it.
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/text/lines.hpp>

#include "data_to_text.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <exception>
#include <filesystem>
#include <iostream>

namespace solo::quickstart {
namespace {

struct Arguments {
  std::string output;
  std::uint64_t seed = 1;
  Index general = 8000;
  Index train = 400;
  Index valid = 200;
  Index test = 200;
  std::string prompts;
  std::string texts;
};

void write_samples(const std::filesystem::path& file, const std::vector<Sample>& samples) {
  std::string lines;
  for (const Sample& s : samples) {
    lines += dump_line({{"prompt", to_prompt(s.meaning)}, {"completion", s.text}}) + '\n';
  }
  write_file_atomically(file, lines);
}

void write_prompts(const std::filesystem::path& file, const std::vector<Sample>& samples) {
  std::string lines;
  for (const Sample& s : samples) lines += dump_line({{"prompt", to_prompt(s.meaning)}}) + '\n';
  write_file_atomically(file, lines);
}

void run_make(const Arguments& options) {
  const std::filesystem::path folder = options.output;
  SampleMaker maker(options.seed);
  const std::span<const Domain> general = general_domains();
  const std::span<const Domain> held_out(&held_out_domain(), 1);
  const std::vector<Sample> test = maker.make(held_out, options.test);
  make_directories(folder);
  write_samples(folder / "test.jsonl", test);
  write_prompts(folder / "test_prompts.jsonl", test);
  write_samples(folder / "valid.jsonl", maker.make(held_out, options.valid));
  write_samples(folder / "train.jsonl", maker.make(held_out, options.train));
  write_samples(folder / "general_valid.jsonl", maker.make(general, options.valid));
  write_samples(folder / "general_train.jsonl", maker.make(general, options.general));
}

/// The string in a field of the next line; empty at the end of the file.
std::optional<std::string> next_string(LineReader& lines, const std::string& field) {
  std::string_view line;
  if (!lines.next_record(line)) return {};
  const Json json = parse_json(line, lines.where());
  return JsonFields(json, lines.where()).string(field);
}

/// {"exact", "meanings", "accuracy"} of generated texts, line by line for the prompts.
void run_score(const Arguments& options) {
  LineReader prompts{std::filesystem::path(options.prompts)};
  LineReader texts{std::filesystem::path(options.texts)};
  Index exact = 0;
  Index meanings = 0;
  while (const auto prompt = next_string(prompts, "prompt")) {
    const auto text = next_string(texts, "text");
    if (!text) {
      fail<FormatError>("data.length", texts.name(), ": ends before ", prompts.where());
    }
    ++meanings;
    exact += is_exact(held_out_domain(), parse_prompt(*prompt, prompts.where()), *text) ? 1 : 0;
  }
  if (meanings == 0) fail<FormatError>("data.empty", prompts.name(), ": no prompts");
  std::cout << dump_line({{"exact", exact},
                          {"meanings", meanings},
                          {"accuracy", static_cast<double>(exact) / static_cast<double>(meanings)}})
            << '\n';
}

int run(int argc, char** argv) {
  CLI::App program{"Makes the quickstart's data-to-text task, and judges generated texts."};
  program.require_subcommand(1);
  Arguments o;
  CLI::App* const make = program.add_subcommand("make", "writes the data files");
  make->add_option("--output", o.output, "folder for the files")->required();
  make->add_option("--seed", o.seed, "of the meanings and texts")->capture_default_str();
  const auto count = [make](const std::string& name, Index& value, const std::string& what) {
    make->add_option(name, value, what)->check(CLI::PositiveNumber)->capture_default_str();
  };
  count("--general", o.general, "samples of the general domains");
  count("--train", o.train, "samples of the held-out domain to train on");
  count("--valid", o.valid, "samples for validation, of both");
  count("--test", o.test, "meanings of the held-out domain to generate for");
  CLI::App* const score = program.add_subcommand("score", "the share of exact texts, as JSON");
  score->add_option("--prompts", o.prompts, "JSON lines with \"prompt\"")->required();
  score->add_option("--texts", o.texts, "JSON lines with \"text\", in the same order")->required();
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help
    return program.exit(e);
  } catch (const CLI::ParseError& e) {
    std::cerr << concat("error: ", e.what(), '\n');
    return 2;
  }
  try {
    make->parsed() ? run_make(o) : run_score(o);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << concat("error: ", e.what(), '\n');
    return 1;
  }
}

}  // namespace
}  // namespace solo::quickstart

int main(int argc, char** argv) {
  return solo::quickstart::run(argc, argv);
}
