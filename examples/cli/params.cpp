// SPDX-License-Identifier: MIT
// solo params: what a method trains, and what a training step costs, without allocating the model.
#include <solo/nn/gpt2_config.hpp>
#include <solo/train/memory_forecast.hpp>

#include "method_options.hpp"
#include "train_report.hpp"

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
  bool gradient_checkpointing = false;
  CLI::Option* size_option = nullptr;
  CLI::Option* model_option = nullptr;
};

struct Footprint {
  const GPT2Config& base;

  MethodFootprint operator()(const std::monostate& /*full*/) const { return full_footprint(base); }
  template <class Config>
  MethodFootprint operator()(const Config& config) const {
    return footprint(config, base);
  }
};

/// Bytes and FLOP of a training step, from the sizes alone.
Json forecast(const ParamsArguments& options, const GPT2Config& c, const MethodFootprint& method) {
  const MemoryForecast memory = forecast_memory(
      c, method,
      {.batch_size = options.batch_size,
       .sequence_length = options.sequence_length,
       .frozen_dtype = options.dtype == "bfloat16" ? DType::bfloat16 : DType::float32,
       .gradient_checkpointing = options.gradient_checkpointing});
  const CheckedIndex d = c.n_embd;
  const CheckedIndex adapter = method.multiplies;
  const CheckedIndex head_flop = 2 * d * c.vocab_size;
  const CheckedIndex block_flop = 2 * (4 * d * d + 2 * d * c.inner());
  const CheckedIndex forward = c.n_layer * block_flop + head_flop + 2 * adapter;
  const CheckedIndex recorded = (c.n_layer - method.t_star) * block_flop;
  const CheckedIndex backward = recorded + head_flop + 4 * adapter;
  const CheckedIndex whole_backward = (method.base_trains ? 2 : 1) * backward +
                                      (options.gradient_checkpointing ? recorded : CheckedIndex(0));
  return {{"rows", options.batch_size * options.sequence_length},
          {"weights_bytes", memory.weights},
          {"gradients_bytes", memory.gradients},
          {"optimizer_bytes", memory.optimizer},
          {"activations_bytes", memory.activations},
          {"program_bytes", memory.program},
          {"peak_bytes", memory.peak()},
          {"flop_per_token_forward", forward.value()},
          {"flop_per_token_backward", whole_backward.value()},
          {"t_star", method.t_star}};
}

void run_params(const ParamsArguments& options, const Common& common) {
  if (options.size_option->count() + options.model_option->count() != 1) {
    throw UsageError("params: give either --size or --model");
  }
  const GPT2Config base = options.size_option->count() != 0
                              ? GPT2Config::from_size(options.size)
                              : GPT2Config::from_file(options.model / "config.json");
  const MethodFootprint method = std::visit(Footprint{base}, options.method->config());
  const Index total = checked_sum(base.parameter_count(), method.adapter);
  const Json costs = forecast(options, base, method);
  if (common.json) {
    print_line(
        {{"trainable", method.trainable},
         {"total", total},
         {"percent", 100.0 * static_cast<double>(method.trainable) / static_cast<double>(total)},
         {"forecast", costs}});
    return;
  }
  print(trainable_line(method.trainable, total) + '\n');
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
  app.add_flag("--gradient-checkpointing", o->gradient_checkpointing,
               "blocks keep their inputs alone, for the forecast");
  return {&app, [o, &common] { run_params(*o, common); }};
}

}  // namespace solo::cli
