// SPDX-License-Identifier: MIT
// solo pretrain: trains a model from random weights.
#include <solo/data/dataset.hpp>
#include <solo/data/windows.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/result_files.hpp>

#include "data_options.hpp"
#include "kept_files.hpp"
#include "model_arguments.hpp"
#include "program.hpp"
#include "train_report.hpp"
#include "training_options.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace solo::cli {
namespace {

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
  DataOptions data;
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
  config.bos_token_id = tokenizer.bos_token_id() >= 0 ? tokenizer.bos_token_id() : eos;
  config.validate();
  return config;
}

/// All examples of the files, none longer than n_positions.
Dataset load_data(const PretrainArguments& options, const std::vector<std::filesystem::path>& files,
                  const Tokenizer& tokenizer, const GPT2Config& config) {
  DatasetOptions reading = options.data.options();
  reading.separator = parse_separator(options.separator);
  reading.completion_only = options.completion_only;
  reading.eos_token_id = config.eos_token_id;
  reading.special_tokens = !options.no_special;
  reading.vocab_size = config.vocab_size;
  std::vector<Example> windows;
  Index conversations = 0;
  for (const std::filesystem::path& file : files) {
    const Dataset data = Dataset::from_file(file, tokenizer, reading);
    conversations += data.conversations();
    for (Index i = 0; i < data.size(); ++i) {
      for (Example& window : windows_of(data[i], config.n_positions)) {
        windows.push_back(std::move(window));
      }
    }
  }
  options.data.warn_of_chat_template(options.tokenizer, conversations);
  return Dataset::from_ids(std::move(windows), {.n_positions = config.n_positions});
}

TrainerOptions trainer_options(const PretrainArguments& options) {
  TrainerOptions t = options.training->trainer_options(options.output);
  Json files = Json::array();
  for (const std::filesystem::path& file : options.train) files.push_back(file.string());
  Json extra = {{"method", "pretrain"},
                {"train_files", files},
                {"separator", options.separator},
                {"completion_only", options.completion_only}};
  options.data.describe(extra);
  t.extra_args = dump_line(extra);
  t.validate();
  return t;
}

/// The files that are read are not those that are written.
void require_kept_inputs(const PretrainArguments& options, const TrainerOptions& training,
                         const Common& common) {
  ReadPaths read = {{"--config-from", options.config_from},
                    {"--chat-template", options.data.chat_template},
                    {"--prefix-cache", training.prefix_cache.file},
                    {"--config", common.config},
                    {"--tokenizer", options.tokenizer}};
  add_read(read, "--train", options.train);
  add_read(read, "--valid", options.valid);
  require_kept({.path = options.output, .writes = is_result_name}, read);
}

void run_pretrain(const PretrainArguments& options, const Common& common) {
  const TrainerOptions training = trainer_options(options);
  require_folder_for(FolderContent::model, options.output);
  if (std::filesystem::exists(options.tokenizer / "model.safetensors") && !training.resume) {
    require_other_folder("pretrain", options.output, options.tokenizer,
                         "--tokenizer, with a model in it");
  }
  require_kept_inputs(options, training, common);
  const Tokenizer tokenizer = Tokenizer::from_pretrained(options.tokenizer);
  warn_of(tokenizer);
  const GPT2Config config = model_config(options, tokenizer);
  const Dataset train = load_data(options, options.train, tokenizer, config);
  std::optional<Dataset> valid;
  if (!options.valid.empty()) valid = load_data(options, options.valid, tokenizer, config);

  GPT2<float> model(config, {.threads = common.threads, .seed = training.seed});
  const auto save = [&](AtomicFolder& files) {
    SaveOptions how;
    how.metadata = TrainedText{.separator = options.separator,
                               .eos_token_id = config.eos_token_id,
                               .special_tokens = !options.no_special,
                               .tokenizer = tokenizer_mark(tokenizer, tokenizer.vocab_size())}
                       .metadata();
    model.save_pretrained(files, how);
    tokenizer.save_pretrained(files);
  };
  const FinishedRun run =
      train_with_progress(model, training, train, valid, {.save = save, .quiet = common.quiet});
  if (run.result.saved) write_report(options.output, model, run.result, run.seconds);
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
            "training data: .jsonl, .json, .csv, .tsv, context||completion .txt; longer texts are "
            "cut into "
            "windows of n_positions tokens")
      ->required();
  add_paths(app, "--valid", o->valid, "validation data");
  add_path(app, "--output", o->output, "folder for the model, tokenizer, logs and report")
      ->required();
  o->data.add_format(app);
  o->data.add_rows(app);
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
