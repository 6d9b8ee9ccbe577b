// SPDX-License-Identifier: MIT
// solo pretrain: trains a model from random weights.
#include <solo/data/dataset.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/tokenizer.hpp>

#include "program.hpp"
#include "train_report.hpp"
#include "training_options.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>

namespace solo::cli {
namespace {

constexpr const char* kPlainText = "text";

struct PretrainArguments {
  std::unique_ptr<TrainingOptions> training;
  std::string size;
  std::filesystem::path config_from;
  std::filesystem::path tokenizer;
  std::optional<Index> n_layer;
  std::optional<Index> n_embd;
  std::optional<Index> n_head;
  std::optional<Index> n_positions;
  std::vector<std::filesystem::path> train;
  std::vector<std::filesystem::path> valid;
  std::filesystem::path output;
  std::string format = "automatic";
  std::string separator = "eos";
  bool completion_only = false;
  bool no_special = false;
};

/// The sizes that were asked for, with the tokenizer's vocabulary.
GPT2Config model_config(const PretrainArguments& options, const Tokenizer& tokenizer) {
  const bool from_file = !options.config_from.empty();
  if (from_file && !options.size.empty()) {
    throw UsageError("pretrain: give either --size or --config-from");
  }
  const bool own = options.n_layer && options.n_embd && options.n_head;
  if (!from_file && options.size.empty() && !own) {
    throw UsageError("pretrain: give --size, --config-from, or --n-layer, --n-embd and --n-head");
  }
  GPT2Config config;
  if (from_file) config = GPT2Config::from_file(options.config_from);
  if (!options.size.empty()) config = GPT2Config::from_size(options.size);
  if (options.n_embd) config.n_inner = 0;  // goes with the width
  config.n_layer = options.n_layer.value_or(config.n_layer);
  config.n_embd = options.n_embd.value_or(config.n_embd);
  config.n_head = options.n_head.value_or(config.n_head);
  config.n_positions = options.n_positions.value_or(config.n_positions);
  config.vocab_size = tokenizer.vocab_size();
  const std::vector<int> of_file = from_file ? config.end_tokens() : std::vector<int>();
  const int eos = EndTokens::resolve(config, of_file, &tokenizer).write;
  config.eos_token_ids.clear();
  config.eos_token_id = eos;
  config.bos_token_id = eos;
  config.validate();
  return config;
}

/// The example in windows of n_positions tokens. Each begins with the last token of the one before,
/// so that every token is predicted once.
void add_windows(const Example& example, Index n_positions, std::vector<Example>& windows) {
  const Index size = static_cast<Index>(example.ids.size());
  if (size <= n_positions) {
    windows.push_back(example);
    return;
  }
  for (Index begin = 0; begin + 1 < size; begin += n_positions - 1) {
    const Index end = std::min(begin + n_positions, size);
    windows.push_back({.ids = {example.ids.begin() + begin, example.ids.begin() + end},
                       .labels = {example.labels.begin() + begin, example.labels.begin() + end},
                       .context_length = 0});
  }
}

/// A file of plain text as one example.
Dataset plain_text(const std::filesystem::path& file, const Tokenizer& tokenizer, int eos,
                   const EncodeOptions& reading) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const std::string contents = read_text_file(file);
  std::string_view text = contents;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<int> ids = tokenizer.encode(text, reading);
  const std::span<const int> suffix = tokenizer.suffix_ids();
  const int end = EndTokens{.write = eos}.required(display_name(file));
  if (suffix.empty() || suffix.back() != end) ids.push_back(end);
  return Dataset::from_ids(std::vector<std::vector<int>>{std::move(ids)});
}

/// All examples of the files, none longer than n_positions.
Dataset load_data(const PretrainArguments& options, const std::vector<std::filesystem::path>& files,
                  const Tokenizer& tokenizer, const GPT2Config& config) {
  std::vector<Example> windows;
  for (const std::filesystem::path& file : files) {
    const Dataset data = options.format == kPlainText
                             ? plain_text(file, tokenizer, config.eos_token_id,
                                          {.special_tokens = !options.no_special})
                             : Dataset::from_file(file, tokenizer,
                                                  {.format = parse_data_format(options.format),
                                                   .separator = parse_separator(options.separator),
                                                   .eos_token_id = config.eos_token_id,
                                                   .special_tokens = !options.no_special,
                                                   .completion_only = options.completion_only,
                                                   .vocab_size = config.vocab_size});
    for (Index i = 0; i < data.size(); ++i) add_windows(data[i], config.n_positions, windows);
  }
  return Dataset::from_ids(std::move(windows), {.n_positions = config.n_positions});
}

TrainerOptions trainer_options(const PretrainArguments& options) {
  TrainerOptions t = options.training->trainer_options(options.output);
  Json files = Json::array();
  for (const std::filesystem::path& file : options.train) files.push_back(file.string());
  t.extra_args = dump_line({{"method", "pretrain"},
                            {"train_files", files},
                            {"separator", options.separator},
                            {"special_tokens", !options.no_special},
                            {"completion_only", options.completion_only}});
  t.validate();
  return t;
}

void run_pretrain(const PretrainArguments& options, const Common& common) {
  const TrainerOptions training = trainer_options(options);
  const Tokenizer tokenizer = Tokenizer::from_pretrained(options.tokenizer);
  warn_of(tokenizer);
  const GPT2Config config = model_config(options, tokenizer);
  const Dataset train = load_data(options, options.train, tokenizer, config);
  std::optional<Dataset> valid;
  if (!options.valid.empty()) valid = load_data(options, options.valid, tokenizer, config);

  GPT2<float> model(config, {.threads = common.threads, .seed = training.seed});
  const FinishedRun run = train_with_progress(model, training, train, valid, common.quiet);

  model.save_pretrained(options.output);
  tokenizer.save_pretrained(options.output);
  write_report(options.output, model, run.result, run.seconds);
  print_result(options.output, model, run, common);
  if (run.result.stopped) report_stop(run.result, common);
}

}  // namespace

Command add_pretrain(CLI::App& program, Common& common) {
  const auto o = std::make_shared<PretrainArguments>();
  CLI::App& app = add_subcommand(program, common, "pretrain", "trains a model from random weights");
  app.add_option("--size", o->size, "gpt2, gpt2-medium, gpt2-large or gpt2-xl")
      ->check(CLI::IsMember({"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}));
  add_path(app, "--config-from", o->config_from, "config.json with the sizes");
  const auto own = [&app](const std::string& name, std::optional<Index>& value,
                          const std::string& what) {
    app.add_option(name, value, what + ", instead of that of --size or --config-from")
        ->check(CLI::PositiveNumber);
  };
  own("--n-layer", o->n_layer, "blocks");
  own("--n-embd", o->n_embd, "width (the MLP's is four times it)");
  own("--n-head", o->n_head, "heads");
  own("--n-positions", o->n_positions, "longest sequence");
  add_path(app, "--tokenizer", o->tokenizer, "folder with the tokenizer's files")->required();
  add_paths(app, "--train", o->train,
            "training data: .jsonl, E2E .csv, context||completion .txt; longer texts are cut into "
            "windows of n_positions tokens")
      ->required();
  add_paths(app, "--valid", o->valid, "validation data");
  add_path(app, "--output", o->output, "folder for the model, tokenizer, logs and report")
      ->required();
  app.add_option("--format", o->format, "of the data files (by extension); text: plain text")
      ->check(CLI::IsMember({"automatic", "jsonl", "csv", "txt", kPlainText}));
  app.add_option("--separator", o->separator, "between prompt and completion: eos or none")
      ->check(CLI::IsMember({"eos", "none"}));
  app.add_flag("--completion-only", o->completion_only,
               "score completions only; by default every token is scored");
  app.add_flag("--no-special", o->no_special,
               "special and added tokens in a text are ordinary text");
  o->training = std::make_unique<TrainingOptions>(
      app, TrainerOptions{.learning_rate = 5e-4, .eval_on_start = true});
  return {&app, [o, &common] { run_pretrain(*o, common); }};
}

}  // namespace solo::cli
