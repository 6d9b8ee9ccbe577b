// SPDX-License-Identifier: MIT
/// @file
/// --model, --adapter and --dtype, for the commands that run a trained model.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/nn/gpt2.hpp>

#include "program.hpp"

#include <filesystem>
#include <string>
#include <system_error>

namespace solo::cli {

inline constexpr const char* kAdapterName = "adapter";
inline constexpr const char* kTrainingArgsFile = "training_args.json";

/// How a training run made its texts into ids.
struct TrainedText {
  bool separator = false;      ///< whether the end token followed the prompt
  int eos_token_id = -1;       ///< the token it wrote as end; -1: the file does not say
  bool special_tokens = true;  ///< whether special tokens in a text were tokens
};

/// Which model a command runs.
struct ModelArguments {
  std::filesystem::path model;
  std::filesystem::path adapter;
  std::string dtype = "float32";

  /// Adds the options; `dtypes` are the choices of --dtype.
  void add_to(CLI::App& app, const std::vector<std::string>& dtypes = {"float32", "bfloat16"});
  /// Loads the base. One that lies in a folder with an adapter is refused unless that is --adapter.
  template <Scalar T>
  [[nodiscard]] GPT2<T> load_base(const Common& common) const {
    std::error_code error;
    return GPT2<T>::from_pretrained(
        model,
        {.threads = common.threads,
         .frozen_dtype = dtype == "bfloat16" ? DType::bfloat16 : DType::float32,
         .ignore_adapter = !adapter.empty() && std::filesystem::equivalent(model, adapter, error)});
  }
  /// Loads base and adapter; what the adapter's training wrote as end is one of the model's then.
  template <Scalar T>
  [[nodiscard]] GPT2<T> load(const Common& common) const {
    GPT2<T> loaded = load_base<T>(common);
    if (adapter.empty()) return loaded;
    loaded.load_adapter(kAdapterName, adapter);
    const int end = trained_text(loaded.config().vocab_size).eos_token_id;
    if (end >= 0) loaded.align_end_token(end);
    return loaded;
  }
  /// What training_args.json of the adapter, or else of the model, says. Throws FormatError.
  [[nodiscard]] TrainedText trained_text(Index vocab_size) const;
};

/// The value of --save-dtype: float32, float16 or bfloat16.
DType parse_save_dtype(const std::string& name);

}  // namespace solo::cli
