// SPDX-License-Identifier: MIT
// solo generate: greedy continuation of prompts.
#include <solo/generate/generate.hpp>
#include <solo/text/lines.hpp>

#include "model_arguments.hpp"

#include <memory>

namespace solo::cli {
namespace {

struct GenerateArguments {
  ModelArguments model;
  std::string prompt;
  std::filesystem::path input;
  Index max_new_tokens = 64;
  int eos_token_id = 0;
  std::string separator;
  CLI::Option* prompt_option = nullptr;
  CLI::Option* input_option = nullptr;
  CLI::Option* eos_option = nullptr;
};

/// Prompts as ids, from the one --prompt or the lines of --input.
struct Prompts {
  const std::optional<Tokenizer>& tokenizer;
  Index vocab_size;
  bool separator;
  std::vector<std::vector<int>> ids = {};

  void add_text(std::string_view text) {
    if (!tokenizer) {
      fail<ConfigError>("tokenizer.missing",
                        "a text prompt needs tokenizer files in the model folder");
    }
    ids.push_back(tokenizer->encode(text));
    if (!separator) return;
    if (tokenizer->eos_token_id() < 0) {
      fail<ConfigError>("tokenizer.eos", "--separator eos: the tokenizer has no <|endoftext|>");
    }
    ids.back().push_back(tokenizer->eos_token_id());
  }

  void add_file(const std::filesystem::path& path) {
    LineReader lines(path, {.allow_fifo = true});
    std::string_view line;
    while (lines.next_record(line)) {
      const Json row = parse_json(line, lines.where());
      if (!row.is_object() || row.size() != 1) {
        fail<FormatError>("json.type", lines.where(),
                          ": expected an object with either \"input_ids\" or \"prompt\"");
      }
      const auto field = row.begin();
      if (field.key() == "input_ids") {
        ids.push_back(read_ids(lines.where() + ": input_ids", field.value(), vocab_size));
      } else if (field.key() == "prompt" && field.value().is_string()) {
        add_text(field.value().get_ref<const std::string&>());
      } else {
        fail<FormatError>("json.unknown_key", lines.where(), ": unexpected field ",
                          quoted(field.key()), " or not a string");
      }
    }
  }
};

Json result_line(const GPT2<float>& model, const std::optional<Tokenizer>& tokenizer,
                 const std::vector<int>& ids, const GenerateOptions& options) {
  Json line = {{"output_ids", ids}, {"text", nullptr}};
  if (tokenizer) line["text"] = output_text(model, *tokenizer, ids, options);
  return line;
}

void run_generate(const GenerateArguments& options, const Common& common) {
  if (options.prompt_option->count() + options.input_option->count() != 1) {
    throw UsageError("generate: give either --prompt or --input");
  }
  const GPT2<float> model = options.model.load<float>(common);
  const auto tokenizer = Tokenizer::find_pretrained(options.model.model);
  const bool separator = options.separator.empty() ? options.model.trained_with_separator()
                                                   : options.separator == "eos";
  Prompts prompts{tokenizer, model.config().vocab_size, separator};
  if (options.prompt_option->count() != 0) {
    prompts.add_text(options.prompt);
  } else {
    prompts.add_file(options.input);
  }
  GenerateOptions generation{.max_new_tokens = options.max_new_tokens};
  if (options.eos_option->count() != 0) generation.eos_token_id = options.eos_token_id;
  const std::vector<std::vector<int>> results = generate_ids(model, prompts.ids, generation);
  for (const std::vector<int>& ids : results) {
    if (common.json || options.input_option->count() != 0) {
      print_line(result_line(model, tokenizer, ids, generation));
    } else {
      print(output_text(model, *tokenizer, ids, generation) + '\n');
    }
  }
}

}  // namespace

Command add_generate(CLI::App& program, Common& common) {
  const auto options = std::make_shared<GenerateArguments>();
  CLI::App& app = add_subcommand(program, common, "generate", "continues prompts, greedily");
  options->model.add_to(app);
  options->prompt_option = app.add_option("--prompt", options->prompt, "one prompt");
  options->input_option = add_path(app, "--input", options->input,
                                   "JSON lines {\"prompt\"} or {\"input_ids\"}; JSON lines out");
  app.add_option("--max-new-tokens", options->max_new_tokens, "tokens to make at most (64)")
      ->check(CLI::NonNegativeNumber);
  options->eos_option = app.add_option("--eos-token-id", options->eos_token_id,
                                       "the token that ends a text; -1: none (the model's own)");
  app.add_option("--separator", options->separator,
                 "what follows a prompt: eos or none (as the adapter was trained)")
      ->check(CLI::IsMember({"eos", "none"}));
  return {&app, [options, &common] { run_generate(*options, common); }};
}

}  // namespace solo::cli
