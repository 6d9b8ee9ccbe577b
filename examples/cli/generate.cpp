// SPDX-License-Identifier: MIT
// solo generate: continuations of prompts.
#include <solo/data/prompt_ids.hpp>
#include <solo/data/references.hpp>
#include <solo/generate/generate.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/lines.hpp>

#include "model_arguments.hpp"

#include <algorithm>
#include <iostream>
#include <limits>
#include <memory>

namespace solo::cli {
namespace {

struct GenerateArguments {
  ModelArguments model;
  std::string prompt;
  std::filesystem::path input;
  std::string format = "automatic";
  std::string separator;
  std::string beam_style = "transformers";
  Index batch_size = GenerateOptions{}.batch_size;
  bool stream = false;
  bool no_special = false;
  GenerateOptions generation;
  CLI::App* app = nullptr;

  [[nodiscard]] bool given(const char* option) const { return app->count(option) != 0; }
};

/// An option of the library that is empty unless given.
template <class N>
CLI::Option* add_optional(CLI::App& app, const std::string& name, std::optional<N>& value,
                          const std::string& description) {
  return app.add_option_function<N>(
      name, [&value](const N& given) { value = given; }, description);
}

void add_generation_options(CLI::App& app, GenerateArguments& arguments) {
  GenerateOptions& o = arguments.generation;
  app.add_option("--max-new-tokens", o.max_new_tokens, "tokens to make at most (64)")
      ->check(CLI::NonNegativeNumber);
  add_optional(app, "--num-beams", o.num_beams, "beams; 1: greedy or sampling (1)");
  app.add_option("--beam-style", arguments.beam_style,
                 "whose beam search: transformers or lora, the LoRA paper's")
      ->check(CLI::IsMember({"transformers", "lora"}))
      ->capture_default_str();
  add_optional(app, "--length-penalty", o.length_penalty,
               "of beams: score = sum of log p / length^penalty (1)");
  add_optional(app, "--no-repeat-ngram-size", o.no_repeat_ngram_size,
               "no run of so many tokens occurs twice, prompt included; 0: off (0)");
  add_optional(app, "--repetition-penalty", o.repetition_penalty,
               "above 1: tokens already there become less likely (1)");
  app.add_flag_function(
      "--do-sample,!--no-do-sample", [&o](std::int64_t times) { o.do_sample = times > 0; },
      "draw tokens instead of taking the best (the model's own, or no)");
  add_optional(app, "--temperature", o.temperature, "of sampling: divides the logits (1)");
  add_optional(app, "--top-k", o.top_k, "of sampling: only the k best; 0: all (50)");
  add_optional(app, "--top-p", o.top_p, "of sampling: only the best that reach p together (1)");
  add_optional(app, "--min-p", o.min_p,
               "of sampling: only what has p times the best's probability (0)");
  add_seed(app, o.seed, "of sampling");
  add_optional(app, "--num-return-sequences", o.num_return_sequences,
               "sequences for each prompt: the best beams, or samples (1)");
  add_optional(app, "--eos-token-id", o.eos_token_id,
               "the token that ends a text; -1: none (the model's own)")
      ->check(CLI::Range(-1, std::numeric_limits<int>::max()));
  app.add_option("--stop", o.stop_strings, "a text ends behind this string; may be repeated")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1)
      ->check([](const std::string& text) {
        return text.empty() ? std::string("the string is empty") : std::string();
      });
  app.add_option("--batch-size", arguments.batch_size,
                 "prompts decoded together, which changes no result; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--stream", arguments.stream, "print the text of one --prompt as it grows");
}

/// Prompts as ids, from the one --prompt or the lines of --input.
struct Prompts {
  const std::optional<Tokenizer>& tokenizer;
  Index vocab_size;
  bool separator;
  const EndTokens& ends;
  bool trained;
  bool special_tokens;
  std::vector<std::vector<int>> ids = {};

  void add_text(std::string_view text) {
    if (!tokenizer) {
      fail<ConfigError>("tokenizer.missing",
                        "a text prompt needs tokenizer files in the model folder");
    }
    // What was trained ends no prompt; transformers has all that the tokenizer puts around a text.
    ids.push_back(separator || trained
                      ? prompt_ids(*tokenizer, text, special_tokens)
                      : tokenizer->encode(text, {.special_tokens = special_tokens}));
    if (separator) ids.back().push_back(ends.required("--separator eos"));
  }

  /// The distinct contexts of an E2E or LoRA file.
  void add_contexts(const std::filesystem::path& path, DataFormat format) {
    for (const ReferenceGroup& group : read_reference_groups(path, format)) {
      add_text(group.context);
    }
  }

  void add_lines(const std::filesystem::path& path) {
    LineReader lines(path, {.allow_fifo = true});
    std::string_view line;
    while (lines.next_record(line)) {
      const Json row = parse_json(line, lines.where());
      if (!row.is_object() || row.size() != 1) {
        fail<FormatError>("json.type", lines.where(),
                          R"(: expected an object with either "input_ids" or "prompt")");
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

  void add_file(const std::filesystem::path& path, DataFormat format) {
    const std::filesystem::path extension = path.extension();
    const bool lines = format == DataFormat::automatic ? extension != ".csv" && extension != ".txt"
                                                       : format == DataFormat::jsonl;
    if (!lines) {
      add_contexts(path, format);
    } else {
      add_lines(path);
    }
  }
};

void check_usage(const GenerateArguments& arguments, const Common& common) {
  if (arguments.given("--prompt") == arguments.given("--input")) {
    throw UsageError("generate: give either --prompt or --input");
  }
  if (arguments.stream && (common.json || arguments.given("--input"))) {
    throw UsageError(
        "generate: --stream prints the text of one --prompt: neither --json nor "
        "--input goes with it");
  }
}

/// The options as said, with the end tokens of the style.
GenerateOptions generation_options(const GenerateArguments& arguments,
                                   const std::optional<Tokenizer>& tokenizer) {
  GenerateOptions options = arguments.generation;
  if (tokenizer) options.tokenizer = &*tokenizer;
  if (arguments.beam_style == "lora") {
    options.beam_style = BeamStyle::lora;
    // The LoRA paper's decoder adds an end token, GPT-2's 628.
    if (tokenizer) options.extra_end_tokens = {tokenizer->token_id("\n\n")};
  }
  return options;
}

/// Says which options mean nothing, as transformers does.
void warn_of_idle_options(const GenerateArguments& arguments, const GPT2<float>& model,
                          const GenerateOptions& options) {
  const GenerationConfig& config = model.generation_config();
  const bool sampling = options.do_sample.value_or(config.do_sample.value_or(false));
  const Index beams = options.num_beams.value_or(config.num_beams.value_or(1));
  for (const char* option : {"--temperature", "--top-k", "--top-p", "--min-p", "--seed"}) {
    if (!sampling && arguments.given(option)) {
      warn(concat(option, " has no effect without --do-sample"));
    }
  }
  const bool has_beams = beams > 1 || options.beam_style == BeamStyle::lora;
  if (!has_beams && arguments.given("--length-penalty")) {
    warn("--length-penalty has no effect without --num-beams");
  }
}

Json result_line(const GPT2<float>& model, const std::optional<Tokenizer>& tokenizer,
                 const std::vector<int>& ids, const GenerateOptions& options) {
  Json line = {{"output_ids", ids}, {"text", nullptr}};
  if (tokenizer) line["text"] = output_text(model, *tokenizer, ids, options);
  return line;
}

/// The ends that model and tokenizer name, and the one that training wrote. Says so when generation
/// does not wait for the tokenizer's.
EndTokens end_tokens(const GenerateArguments& arguments, const GPT2<float>& model,
                     const std::optional<Tokenizer>& tokenizer, const TrainedText& trained) {
  EndTokens ends =
      EndTokens::resolve(model.config(), model.eos_token_ids(), tokenizer ? &*tokenizer : nullptr);
  const bool told = arguments.generation.eos_token_id || trained.eos_token_id >= 0;
  if (!told && !ends.difference.empty() && !ends.waits_for_written()) {
    warn(concat(ends.difference, "; as in transformers the tokenizer's ends no text here ",
                "(--eos-token-id ", ends.write, " lets it)"));
  }
  if (trained.eos_token_id >= 0) ends.write = trained.eos_token_id;
  return ends;
}

void run_generate(const GenerateArguments& arguments, const Common& common) {
  check_usage(arguments, common);
  const GPT2<float> model = arguments.model.load<float>(common);
  const auto tokenizer = Tokenizer::find_pretrained(arguments.model.model);
  warn_of(tokenizer);
  const TrainedText trained = arguments.model.trained_text(model.config().vocab_size);
  const EndTokens ends = end_tokens(arguments, model, tokenizer, trained);
  Prompts prompts{
      tokenizer,
      model.config().vocab_size,
      arguments.separator.empty() ? trained.separator == "eos" : arguments.separator == "eos",
      ends,
      trained.eos_token_id >= 0,
      trained.special_tokens && !arguments.no_special};
  if (arguments.given("--prompt")) {
    prompts.add_text(arguments.prompt);
  } else {
    prompts.add_file(arguments.input, parse_data_format(arguments.format));
  }
  GenerateOptions options = generation_options(arguments, tokenizer);
  options.batch_size = arguments.batch_size > 0
                           ? arguments.batch_size
                           : std::max<Index>(1, static_cast<Index>(prompts.ids.size()));
  if (arguments.stream) {
    options.on_token = [](std::string_view piece) {
      print(piece);
      std::cout.flush();
    };
  }
  warn_of_idle_options(arguments, model, options);
  const std::vector<std::vector<int>> results = generate_ids(model, prompts.ids, options);
  if (arguments.stream) {
    print("\n");
    return;
  }
  for (const std::vector<int>& ids : results) {
    if (common.json || arguments.given("--input")) {
      print_line(result_line(model, tokenizer, ids, options));
    } else {
      print(output_text(model, *tokenizer, ids, options) + '\n');
    }
  }
}

}  // namespace

Command add_generate(CLI::App& program, Common& common) {
  const auto arguments = std::make_shared<GenerateArguments>();
  CLI::App& app = add_subcommand(program, common, "generate",
                                 "continues prompts: greedily, by sampling, or with beams");
  arguments->app = &app;
  arguments->model.add_to(app);
  app.add_option("--prompt", arguments->prompt, "one prompt");
  add_path(app, "--input", arguments->input,
           "JSON lines {\"prompt\"} or {\"input_ids\"}, or E2E .csv or context||completion .txt: "
           "each distinct context once; JSON lines out: of the first prompt all its sequences, the "
           "best first, then of the next");
  app.add_option("--format", arguments->format, "of the --input; automatic: by extension")
      ->check(CLI::IsMember({"automatic", "jsonl", "csv", "txt"}))
      ->capture_default_str();
  add_generation_options(app, *arguments);
  app.add_option("--separator", arguments->separator,
                 "what follows a prompt: eos or none (as the adapter was trained)")
      ->check(CLI::IsMember({"eos", "none"}));
  app.add_flag("--no-special", arguments->no_special,
               "special and added tokens in a prompt are ordinary text (as trained)");
  return {&app, [arguments, &common] { run_generate(*arguments, common); },
          [arguments, &common] {
            check_usage(*arguments, common);
            GenerateOptions options = generation_options(*arguments, std::nullopt);
            options.stop_strings.clear();  // they need the tokenizer, which is not read here
            (void)detail::decoding_rules(options, {});
          }};
}

}  // namespace solo::cli
