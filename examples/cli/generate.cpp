// SPDX-License-Identifier: MIT
// solo generate: continuations of prompts.
#include <solo/data/prompt_ids.hpp>
#include <solo/data/references.hpp>
#include <solo/generate/generate.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/lines.hpp>

#include "generation_options.hpp"
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
  Index batch_size = GenerateOptions{}.batch_size;
  bool stream = false;
  bool no_special = false;
  GenerationOptions generation;
  CLI::App* app = nullptr;

  [[nodiscard]] bool given(const char* option) const { return app->count(option) != 0; }
};

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

Json result_line(const GPT2<float>& model, const std::optional<Tokenizer>& tokenizer,
                 const GeneratedSequence& sequence, const GenerateOptions& options) {
  Json line = {{"output_ids", sequence.ids},
               {"text", nullptr},
               {"finish_reason", to_string(sequence.finish_reason)}};
  if (tokenizer) line["text"] = output_text(model, *tokenizer, sequence.ids, options);
  return line;
}

/// The ends that model and tokenizer name, and the one that training wrote. Says so when generation
/// does not wait for the tokenizer's.
EndTokens end_tokens(const GenerateArguments& arguments, const GPT2<float>& model,
                     const std::optional<Tokenizer>& tokenizer, const TrainedText& trained) {
  EndTokens ends =
      EndTokens::resolve(model.config(), model.eos_token_ids(), tokenizer ? &*tokenizer : nullptr);
  const bool told = arguments.given("--eos-token-id") || trained.eos_token_id >= 0;
  if (!told && !ends.difference.empty() && !ends.waits_for_written()) {
    warn(concat(ends.difference, "; as in transformers the tokenizer's ends no text here ",
                "(--eos-token-id ", ends.write, " lets it)"));
  }
  if (trained.eos_token_id >= 0) ends.write = trained.eos_token_id;
  return ends;
}

void warn_of_context(const std::vector<GeneratedSequence>& sequences, Index n_positions) {
  const auto count = std::count_if(
      sequences.begin(), sequences.end(),
      [](const GeneratedSequence& s) { return s.finish_reason == FinishReason::context; });
  if (count == 0) return;
  warn(concat(count, " of ", sequences.size(), " texts ended where the context does (n_positions ",
              n_positions, "), before the length that was asked for"));
}

void run_generate(const GenerateArguments& arguments, const Common& common) {
  check_usage(arguments, common);
  const GPT2<float> model = arguments.model.load<float>(common);
  const auto tokenizer = arguments.model.find_tokenizer();
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
  GenerateOptions options = arguments.generation.options(tokenizer ? &*tokenizer : nullptr);
  options.batch_size = arguments.batch_size > 0
                           ? arguments.batch_size
                           : std::max<Index>(1, static_cast<Index>(prompts.ids.size()));
  if (arguments.stream) {
    options.on_token = [](std::string_view piece) {
      print(piece);
      std::cout.flush();
    };
  }
  arguments.generation.warn_of_idle(model.generation_config());
  const std::vector<GeneratedSequence> results = generate_sequences(model, prompts.ids, options);
  warn_of_context(results, model.config().n_positions);
  if (arguments.stream) {
    print("\n");
    return;
  }
  for (const GeneratedSequence& sequence : results) {
    if (common.json || arguments.given("--input")) {
      print_line(result_line(model, tokenizer, sequence, options));
    } else {
      print(output_text(model, *tokenizer, sequence.ids, options) + '\n');
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
  arguments->generation.add_to(app);
  app.add_option("--batch-size", arguments->batch_size,
                 "prompts decoded together, which changes no result; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_flag("--stream", arguments->stream, "print the text of one --prompt as it grows");
  app.add_option("--separator", arguments->separator,
                 "what follows a prompt: eos or none (as the adapter was trained)")
      ->check(CLI::IsMember({"eos", "none"}));
  app.add_flag("--no-special", arguments->no_special,
               "special and added tokens in a prompt are ordinary text (as trained)");
  return {&app, [arguments, &common] { run_generate(*arguments, common); },
          [arguments, &common] {
            check_usage(*arguments, common);
            GenerateOptions options = arguments->generation.options(nullptr);
            options.stop_strings.clear();  // they need the tokenizer, which is not read here
            (void)detail::decoding_rules(options, {});
          }};
}

}  // namespace solo::cli
