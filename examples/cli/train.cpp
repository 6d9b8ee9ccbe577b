// SPDX-License-Identifier: MIT
// solo train: fine-tunes a model with an adapter, or all of it.
#include <solo/data/dataset.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/text/tokenizer.hpp>
#include <solo/train/lora_e2e.hpp>
#include <solo/train/result_files.hpp>

#include "data_options.hpp"
#include "kept_files.hpp"
#include "method_options.hpp"
#include "model_arguments.hpp"
#include "new_tokens.hpp"
#include "train_report.hpp"
#include "training_options.hpp"

#include <memory>
#include <optional>

namespace solo::cli {
namespace {

struct TrainArguments {
  std::unique_ptr<MethodOptions> method;
  std::unique_ptr<TrainingOptions> training;
  ModelArguments model;
  std::filesystem::path train;
  std::filesystem::path valid;
  std::filesystem::path output;
  std::filesystem::path add_tokens;
  DataOptions data;
  std::string separator = "eos";
  bool completion_only = true;
  bool no_special = false;
  Index max_length = 0;
  std::string save_dtype = "float32";
  std::int64_t link_statistics_steps = 0;
};

/// Whether special tokens in a text are tokens; to the LoRA paper's code they are letters.
bool reads_special_tokens(const TrainArguments& options) {
  return !options.no_special && options.method->recipe() != Recipe::lora_e2e;
}

Dataset load_data(const TrainArguments& options, const std::filesystem::path& file,
                  const std::optional<Tokenizer>& tokenizer, const GPT2Config& config,
                  const EndTokens& ends) {
  Index max_length = options.max_length;
  if (max_length == 0 && options.method->recipe() == Recipe::lora_e2e) {
    max_length = std::min(kLoraE2eMaxLength, config.n_positions);
  }
  DatasetOptions data_options = options.data.options();
  data_options.separator = parse_separator(options.separator);
  data_options.eos_token_id = ends.write;
  data_options.special_tokens = reads_special_tokens(options);
  data_options.completion_only = options.completion_only;
  data_options.max_length = max_length;
  data_options.n_positions = config.n_positions;
  data_options.vocab_size = config.vocab_size;
  Dataset data = tokenizer ? Dataset::from_file(file, *tokenizer, data_options)
                           : Dataset::from_ids_file(file, data_options);
  if (data.truncated() > 0) {
    warn(concat(display_name(file), ": ", data.truncated(), " sequences truncated to ", max_length,
                " tokens"));
  }
  return data;
}

/// Loads a LoRA adapter to be trained further; one whose start changed the base becomes a plain
/// one.
void attach_lora(GPT2<float>& model, const std::filesystem::path& folder, double dropout) {
  model.load_adapter(kAdapterName, folder);
  auto& lora = dynamic_cast<LoraAdapter<float>&>(model.adapter(kAdapterName));
  lora.set_dropout(dropout);
  const std::vector<std::string> parts = trained_parts(folder);
  if (!parts.empty()) lora.keep_parts(parts);
}

/// Adds the adapter that the options mean, new or from --adapter; none for full fine-tuning.
void attach(GPT2<float>& model, const TrainArguments& options, const NewTokens& tokens,
            std::uint64_t seed) {
  const bool loaded = !options.model.adapter.empty();
  MethodConfig config =
      loaded ? options.method->config_of(options.model.adapter) : options.method->config();
  if (const auto* const lora = std::get_if<LoraConfig>(&config); loaded && lora != nullptr) {
    attach_lora(model, options.model.adapter, lora->lora_dropout);
    return;
  }
  std::visit(
      [&](auto& c) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(c)>, std::monostate>) {
          if constexpr (requires { c.seed; }) c.seed = seed;
          if constexpr (requires { c.saved_tables; }) {
            if (!loaded) tokens.fit(c);
          }
          model.add_adapter(kAdapterName, c);
        }
      },
      config);
  if (loaded) read_adapter_tensors(options.model.adapter, model.adapter(kAdapterName));
}

/// What generation and further training need to know, for training_args.json.
std::string extra_args(const TrainArguments& options) {
  Json extra = {{"method", options.method->method()},
                {"model_name_or_path", options.model.model.string()},
                {"train_file", options.train.string()},
                {"separator", options.separator},
                {"special_tokens", reads_special_tokens(options)},
                {"completion_only", options.completion_only},
                {"dtype", options.model.dtype}};
  if (!options.add_tokens.empty()) extra["add_tokens"] = options.add_tokens.string();
  options.data.describe(extra);
  std::string targets = options.method->given("--target-modules");
  if (targets.empty()) {
    const bool recipe = options.method->recipe() == Recipe::lora_e2e;
    std::vector<std::string> parts;
    if (!options.model.adapter.empty()) {
      parts = trained_parts(options.model.adapter);
    } else if (recipe && options.method->method() == "lora") {
      parts = lora_e2e_adapter().target_modules.names();
    }
    targets = CLI::detail::join(parts, ",");
  }
  if (!targets.empty()) extra["target_modules"] = targets;
  return dump_line(extra);
}

TrainerOptions trainer_options(const TrainArguments& options) {
  TrainerOptions t = options.training->trainer_options(options.output, options.method->recipe());
  if (options.method->method() == "full") {
    const bool plain = t.recipe == Recipe::none;
    if (plain && !options.training->learning_rate_given()) t.learning_rate = 5e-5;
    if (options.model.dtype == "bfloat16") {
      throw UsageError("--dtype bfloat16 is for frozen weights; --method full trains them");
    }
    if (!options.model.adapter.empty()) throw UsageError("--adapter is not for --method full");
    require_other_folder("train", options.output, options.model.model);
  }
  if (options.link_statistics_steps > 0 && options.method->method() != "solo") {
    throw UsageError(
        concat("--link-statistics-steps: --method ", options.method->method(), " has no links"));
  }
  const std::string& method = options.method->method();
  if (!options.add_tokens.empty() && method != "full" && method != "lora") {
    throw UsageError(concat("--add-tokens: --method ", method,
                            " has no place for their rows; use lora or full"));
  }
  if (!options.add_tokens.empty() && !reads_special_tokens(options)) {
    throw UsageError("--add-tokens: with --no-special or --recipe lora-e2e they are letters");
  }
  t.extra_args = extra_args(options);
  t.validate();
  return t;
}

/// A folder is a model's or an adapter's; transformers takes one that is both as the two together.
void require_output(const TrainArguments& options) {
  require_folder_for(
      options.method->method() == "full" ? FolderContent::model : FolderContent::adapter,
      options.output);
}

/// The files that are read are not those that are written.
void require_kept_inputs(const TrainArguments& options, const TrainerOptions& training,
                         const Common& common) {
  require_kept({.path = options.output, .writes = is_result_name},
               {{"--train", options.train},
                {"--valid", options.valid},
                {"--add-tokens", options.add_tokens},
                {"--chat-template", options.data.chat_template},
                {"--prefix-cache", training.prefix_cache.file},
                {"--config", common.config},
                {"--model", options.model.model}});
}

/// Notes for generation which token ends the texts.
void add_end_token(TrainerOptions& training, const Dataset& train) {
  Json extra = parse_json(training.extra_args, "extra_args");
  extra["eos_token_id"] = train.eos_token_id() < 0 ? Json() : Json(train.eos_token_id());
  training.extra_args = dump_line(extra);
}

void run_train(const TrainArguments& options, const Common& common) {
  TrainerOptions training = trainer_options(options);
  (void)options.method->config();  // an option that is wrong is told before files are read
  require_output(options);
  require_kept_inputs(options, training, common);
  GPT2Config config = GPT2Config::from_file(options.model.model / "config.json");
  auto tokenizer = options.model.find_tokenizer();
  warn_of(tokenizer);
  const NewTokens tokens =
      NewTokens::add(options.add_tokens, options.model.adapter, tokenizer, config);
  config.vocab_size = tokens.vocab_size;
  const EndTokens ends =
      EndTokens::from_folder(options.model.model, config, tokenizer ? &*tokenizer : nullptr);
  const Dataset train = load_data(options, options.train, tokenizer, config, ends);
  options.data.warn_of_chat_template(options.model.model, train.conversations());
  std::optional<Dataset> valid;
  if (!options.valid.empty()) valid = load_data(options, options.valid, tokenizer, config, ends);
  if (train.eos_token_id() >= 0 && !ends.difference.empty()) {
    warn(concat(ends.difference, "; training writes ", train.eos_token_id(),
                ", and generation with the result waits for it too"));
  }
  add_end_token(training, train);

  GPT2<float> model = options.model.load_base<float>(common);
  if (tokens.resized) model.resize_token_embeddings(tokens.vocab_size);
  attach(model, options, tokens, training.seed);
  const std::map<std::string, std::string> metadata =
      TrainedText{.separator = options.separator,
                  .eos_token_id = train.eos_token_id(),
                  .special_tokens = reads_special_tokens(options),
                  .tokenizer = tokenizer_mark(tokenizer)}
          .metadata();
  const auto save = [&](AtomicFolder& files) {
    if (model.adapter_names().empty()) {
      SaveOptions how;
      how.dtype = parse_save_dtype(options.save_dtype);
      how.metadata = metadata;
      model.save_pretrained(files, how);
    } else {
      model.save_adapter(kAdapterName, files, {.metadata = metadata});
    }
    save_tokenizer(tokenizer, files);
  };
  const FinishedRun run =
      train_with_progress(model, training, train, valid,
                          {.save = save,
                           .quiet = common.quiet,
                           .link_statistics_steps = options.link_statistics_steps});
  if (run.result.saved) write_report(options.output, model, run.result, run.seconds);
  print_result(options.output, model, run, common);
  if (run.result.stopped) report_stop(run.result, common);
}

/// What can be said before data and tensors are read.
void check_train(const TrainArguments& options) {
  (void)trainer_options(options);
  require_output(options);
  (void)options.data.options();
  MethodConfig config = options.method->config();
  const GPT2Config base = GPT2Config::from_file(options.model.model / "config.json");
  if (const auto* const solo = std::get_if<SoloConfig>(&config)) solo->validate(base);
}

}  // namespace

Command add_train(CLI::App& program, Common& common) {
  const auto o = std::make_shared<TrainArguments>();
  CLI::App& app = add_subcommand(program, common, "train", "fine-tunes a model");
  o->model.add_to(app);
  add_path(app, "--train", o->train,
           "training data: .jsonl, .json, .csv, .tsv or context||completion .txt; --format text")
      ->required();
  add_path(app, "--valid", o->valid, "validation data");
  add_path(app, "--output", o->output, "folder for the adapter or model, logs and report")
      ->required();
  o->method = std::make_unique<MethodOptions>(app);
  o->data.add_format(app);
  o->data.add_rows(app);
  app.add_option("--separator", o->separator, "what stands between prompt and completion")
      ->check(CLI::IsMember({"eos", "none"}))
      ->capture_default_str();
  app.add_flag("--completion-only,!--no-completion-only", o->completion_only,
               "score completions only, where there is a prompt (default)");
  app.add_flag("--no-special", o->no_special,
               "special and added tokens in a text are ordinary text");
  add_path(app, "--add-tokens", o->add_tokens,
           "file of new tokens, one a line or a JSON list; the model gets rows for them");
  app.add_option("--max-length", o->max_length, "truncate sequences to this many tokens")
      ->check(CLI::PositiveNumber);
  app.add_option("--link-statistics-steps", o->link_statistics_steps,
                 "steps between lines of links.jsonl: what each Solo link does; 0: off")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--save-dtype", o->save_dtype, "of a saved model")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
      ->capture_default_str();
  o->training = std::make_unique<TrainingOptions>(app, TrainerOptions{.eval_on_start = true});
  return {&app, [o, &common] { run_train(*o, common); }, [o] { check_train(*o); }};
}

}  // namespace solo::cli
