// SPDX-License-Identifier: MIT
// data_to_text: makes the quickstart's task, and judges and shows texts. scripts/quickstart runs
// it.
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>

#include "data_to_text.hpp"
#include "task_files.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <exception>
#include <functional>
#include <iostream>

namespace solo::quickstart {
namespace {

struct Arguments {
  std::string output;
  std::uint64_t seed = 1;
  TaskSizes sizes;
  std::string data;
  Index contexts = 500;
  std::string prompts;
  std::vector<std::string> texts;
  Index count = 3;
  std::size_t width = 78;
};

void run_split(const Arguments& o) {
  const SplitCounts counts = split_data(o.data, o.contexts, o.count, o.output);
  std::cout << dump_line({{"train", counts.train}, {"valid", counts.valid}}) << '\n';
}

/// {"right", "slots", "accuracy" (their ratio), "exact" (texts), "texts"} of generated texts, line
/// by line for the prompts.
void run_score(const Arguments& o) {
  const std::vector<std::string> prompts = read_strings(o.prompts, "prompt");
  const std::vector<std::string> texts = read_strings(o.texts.front(), "text");
  if (prompts.empty() || texts.size() != prompts.size()) {
    fail<FormatError>("data.length", display_name(o.texts.front()),
                      ": expected a text for each of ", prompts.size(), " prompts, found ",
                      texts.size());
  }
  SlotScore sum;
  Index exact = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Meaning meaning = parse_prompt(prompts[i], concat(o.prompts, ": line ", i + 1));
    const SlotScore score = score_slots(held_out_domain(), meaning, texts[i]);
    sum.right += score.right;
    sum.slots += score.slots;
    exact += score.exact() ? 1 : 0;
  }
  std::cout << dump_line(
                   {{"right", sum.right},
                    {"slots", sum.slots},
                    {"accuracy", static_cast<double>(sum.right) / static_cast<double>(sum.slots)},
                    {"exact", exact},
                    {"texts", texts.size()}})
            << '\n';
}

void run_show(const Arguments& o) {
  std::vector<std::pair<std::string, std::filesystem::path>> named;
  for (const std::string& item : o.texts) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      fail<ConfigError>("quickstart.texts", "--texts: expected NAME=FILE, found ", quoted(item));
    }
    named.emplace_back(item.substr(0, equals), item.substr(equals + 1));
  }
  std::cout << show_samples(o.prompts, named, o.count, o.width);
}

CLI::App& add_make(CLI::App& program, Arguments& o) {
  CLI::App& app = *program.add_subcommand("make", "writes the task's files");
  app.add_option("--output", o.output, "folder for them")->required();
  app.add_option("--seed", o.seed, "of meanings and texts")->capture_default_str();
  const auto count = [&app](const std::string& name, Index& value, const std::string& what) {
    app.add_option(name, value, what)->check(CLI::PositiveNumber)->capture_default_str();
  };
  count("--general", o.sizes.general, "samples of the general domains");
  count("--train", o.sizes.train, "samples of the held-out domain to adapt to");
  count("--valid", o.sizes.valid, "samples for validation, of either");
  count("--test", o.sizes.test, "meanings of the held-out domain to generate for");
  return app;
}

CLI::App& add_split(CLI::App& program, Arguments& o) {
  CLI::App& app = *program.add_subcommand("split", "splits data by context, prints the counts");
  app.add_option("--data", o.data, "context||completion .txt or prompt/completion .jsonl")
      ->required();
  app.add_option("--output", o.output, "folder for train, valid and prompts.jsonl")->required();
  app.add_option("--contexts", o.contexts, "distinct contexts to train on")->capture_default_str();
  app.add_option("--prompts", o.count, "contexts of valid to generate for")->capture_default_str();
  return app;
}

CLI::App& add_texts(CLI::App& program, Arguments& o, const std::string& name,
                    const std::string& what, const std::string& texts) {
  CLI::App& app = *program.add_subcommand(name, what);
  app.add_option("--prompts", o.prompts, "JSON lines with \"prompt\"")->required();
  app.add_option("--texts", o.texts, texts)->required();
  return app;
}

int run(int argc, char** argv) {
  CLI::App program{"Makes the quickstart's data-to-text task; judges and shows generated texts."};
  program.require_subcommand(1);
  Arguments o;
  std::vector<std::pair<CLI::App*, std::function<void(const Arguments&)>>> commands;
  commands.emplace_back(&add_make(program, o),
                        [](const Arguments& a) { write_task(a.output, a.sizes, a.seed); });
  commands.emplace_back(&add_split(program, o), run_split);
  CLI::App& score = add_texts(program, o, "score", "the share of exact texts, as JSON",
                              "JSON lines with \"text\", one for each prompt");
  score.get_option("--texts")->expected(1);
  commands.emplace_back(&score, run_score);
  CLI::App& show = add_texts(program, o, "show", "prompts with the texts of several models",
                             "NAME=FILE of JSON lines with \"text\"");
  show.add_option("--count", o.count, "prompts")->capture_default_str();
  show.add_option("--width", o.width, "columns")->capture_default_str();
  commands.emplace_back(&show, run_show);
  try {
    program.parse(argc, argv);
    for (const auto& [app, command] : commands) {
      if (app->parsed()) command(o);
    }
    return 0;
  } catch (const CLI::Success& e) {  // --help
    return program.exit(e);
  } catch (const CLI::ParseError& e) {
    std::cerr << concat("error: ", e.what(), '\n');
    return 2;
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
