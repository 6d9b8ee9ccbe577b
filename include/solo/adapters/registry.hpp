// SPDX-License-Identifier: MIT
/// @file
/// The kinds of adapters that files name by their peft_type: one line each.
#pragma once

#include <solo/adapters/adapter_folder.hpp>
#include <solo/adapters/lora/lora.hpp>
#include <solo/adapters/solo/connection.hpp>
#include <solo/adapters/tuning/bitfit.hpp>
#include <solo/adapters/tuning/layer_norm.hpp>
#include <solo/nn/gpt2.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// How messages name a model and what an adapter must fit.
template <Scalar T>
[[nodiscard]] std::string describe_base(const GPT2<T>& model) {
  const GPT2Config& c = model.config();
  return concat("the base ",
                model.name_or_path().empty() ? "model" : display_name(model.name_or_path()),
                " (n_layer ", c.n_layer, ", n_embd ", c.n_embd, ")");
}

/// A configuration as it is written anew, so that what means the same reads the same.
template <class Config>
[[nodiscard]] std::string rewritten_config(const JsonFields& fields) {
  return Config::from_json(fields).to_json("");
}

/// Reads a folder whose configuration is a `Config`. That has from_json(fields), validate(base) and
/// tensors(base), a kFilePrefix, possibly ignores(name), and a make_adapter<T>(config, model).
template <Scalar T, class Config>
[[nodiscard]] std::unique_ptr<Adapter<T>> read_kind(AdapterFolder& folder, const GPT2<T>& model) {
  Config config = Config::from_json(folder.config());
  if constexpr (requires { config.see_tensors({}); }) {
    config.see_tensors(folder.tensor_names(Config::kFilePrefix));
  }
  const std::string base = describe_base(model);
  ExpectedTensors expected{.prefix = std::string(Config::kFilePrefix)};
  const std::string context = concat(folder.config_name(), " on ", base, ": ");
  with_context(context, [&] {
    config.validate(model.config());
    if constexpr (requires { config.start; }) check_start(config, model.config());
    expected.tensors = config.tensors(model.config());
  });
  if constexpr (requires(std::string_view name) { config.ignores(name); }) {
    expected.ignores = [&config](std::string_view name) { return config.ignores(name); };
  }
  folder.require_own_config(&rewritten_config<Config>);
  folder.open_tensors(expected, base);
  std::vector<FileTensor<T>> tensors = folder.read<T>(expected);
  std::unique_ptr<Adapter<T>> adapter = with_context(context, [&] {
    if constexpr (requires { config.start; }) make_plain(config, model, tensors);
    return make_adapter<T>(config, model);
  });
  adapter->import_tensors(std::move(tensors));
  adapter->import_metadata(folder.metadata());
  return adapter;
}

template <Scalar T>
struct AdapterKind {
  std::string_view peft_type;
  std::unique_ptr<Adapter<T>> (*read)(AdapterFolder& folder, const GPT2<T>& model);
  std::string (*rewritten)(const JsonFields& fields);
};

template <Scalar T>
inline constexpr auto kAdapterKinds = std::to_array<AdapterKind<T>>({
    {"SOLO", &read_kind<T, SoloConfig>, &rewritten_config<SoloConfig>},
    {"LORA", &read_kind<T, LoraConfig>, &rewritten_config<LoraConfig>},
    {"BITFIT", &read_kind<T, BitFitConfig>, &rewritten_config<BitFitConfig>},
    {"LN_TUNING", &read_kind<T, LayerNormConfig>, &rewritten_config<LayerNormConfig>},
});

}  // namespace solo::inline SOLO_ABI::detail
