// SPDX-License-Identifier: MIT
// solo params: what a method trains, and what a training step costs, without allocating the model.
#include <solo/nn/gpt2_config.hpp>

#include "method_options.hpp"
#include "train_report.hpp"

#include <algorithm>
#include <memory>

namespace solo::cli {
namespace {

struct ParamsArguments {
  std::unique_ptr<MethodOptions> method;
  std::string size;
  std::filesystem::path model;
  std::string dtype = "float32";
  Index batch_size = 8;
  Index sequence_length = 64;
  CLI::Option* size_option = nullptr;
  CLI::Option* model_option = nullptr;
};

/// What the method adds to the base.
struct Counts {
  Index trainable = 0;
  Index added = 0;     ///< elements of the adapter, frozen ones too
  Index t_star = 0;    ///< block outputs below it are the frozen prefix
  bool inputs = true;  ///< linear inputs are kept, for the gradients of weights beside them
};

struct Counter {
  const GPT2Config& base;

  Counts operator()(const std::monostate& /*full*/) const {
    return {.trainable = base.parameter_count()};
  }
  template <class Config>
  Counts operator()(const Config& config) const {
    config.validate(base);
    Counts counts{.trainable = parameter_count(config, base)};
    for (const AdapterTensor& t : config.tensors(base)) {
      counts.added += Tensor<float>::count(t.shape);
    }
    if constexpr (std::is_same_v<Config, SoloConfig>) {
      counts.t_star = config.lowest_destination(base.n_layer);
      counts.inputs = false;
    }
    return counts;
  }
};

/// Bytes and FLOP of a training step, from the sizes alone.
Json forecast(const ParamsArguments& options, const GPT2Config& c, const Counts& counts) {
  const bool full = options.method->method() == "full";
  const Index d = c.n_embd;
  const Index rows = options.batch_size * options.sequence_length;
  const Index matrices =
      (c.vocab_size + c.n_positions) * d + c.n_layer * (4 * d * d + 2 * d * c.inner());
  const Index base_bytes =
      4 * c.parameter_count() - (options.dtype == "bfloat16" ? 2 * matrices : 0);
  // Kept per row of a recorded block: the inputs of both norms, q | k | v, the attention's output
  // and the MLP's inner row; with weight gradients the linear layers' inputs too.
  const Index kept = 6 * d + c.inner() + (counts.inputs ? d : 0) + (full ? d + c.inner() : 0);
  const Index recorded = c.n_layer - counts.t_star;
  const Index working = 2 * (c.inner() + 4 * d);  // gradients of one block on their way
  const Index logits = std::min(rows * c.vocab_size, std::max<Index>(1 << 24, 32 * c.vocab_size));
  const Index block_flop = 2 * (4 * d * d + 2 * d * c.inner());
  const Index forward = c.n_layer * block_flop + 2 * c.vocab_size * d + 2 * counts.added;
  const Index backward = recorded * block_flop + 2 * c.vocab_size * d + 4 * counts.added;
  return {{"rows", rows},
          {"weights_bytes", base_bytes + 4 * counts.added},
          {"gradients_bytes", 4 * counts.trainable},
          {"optimizer_bytes", 8 * counts.trainable},
          {"activations_bytes", 4 * (rows * (recorded * kept + working) + logits)},
          {"flop_per_token_forward", forward},
          {"flop_per_token_backward", full ? 2 * backward : backward},
          {"t_star", counts.t_star}};
}

void run_params(const ParamsArguments& options, const Common& common) {
  if (options.size_option->count() + options.model_option->count() != 1) {
    throw UsageError("params: give either --size or --model");
  }
  const GPT2Config base = options.size_option->count() != 0
                              ? GPT2Config::from_size(options.size)
                              : GPT2Config::from_file(options.model / "config.json");
  const Counts counts = std::visit(Counter{base}, options.method->config());
  const Index total = base.parameter_count() + counts.added;
  const Json costs = forecast(options, base, counts);
  if (common.json) {
    print_line(
        {{"trainable", counts.trainable},
         {"total", total},
         {"percent", 100.0 * static_cast<double>(counts.trainable) / static_cast<double>(total)},
         {"forecast", costs}});
    return;
  }
  print(trainable_line(counts.trainable, total) + '\n');
  for (const auto& [key, value] : costs.items()) print(concat(key, ": ", dump_line(value), '\n'));
}

}  // namespace

Command add_params(CLI::App& program, Common& common) {
  const auto o = std::make_shared<ParamsArguments>();
  CLI::App& app = add_subcommand(program, common, "params",
                                 "trainable parameters, and a forecast of a step's cost");
  o->size_option = app.add_option("--size", o->size, "a published size, instead of --model")
                       ->check(CLI::IsMember({"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"}));
  o->model_option =
      add_path(app, "--model", o->model, "Hugging Face folder of a GPT-2, instead of --size")
          ->excludes(o->size_option);
  o->method = std::make_unique<MethodOptions>(app);
  app.add_option("--dtype", o->dtype, "how frozen weights are kept")
      ->check(CLI::IsMember({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--batch-size", o->batch_size, "sequences a batch, for the forecast")
      ->check(CLI::Range(Index{1}, Index{1} << 20))
      ->capture_default_str();
  app.add_option("--sequence-length", o->sequence_length, "tokens a sequence, for the forecast")
      ->check(CLI::Range(Index{1}, Index{1} << 20))
      ->capture_default_str();
  return {&app, [o, &common] { run_params(*o, common); }};
}

}  // namespace solo::cli
