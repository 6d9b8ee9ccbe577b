// SPDX-License-Identifier: MIT
/// @file
/// --model, --adapter and --dtype, for the commands that run a trained model.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include "program.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace solo::cli {

inline constexpr const char* kAdapterName = "adapter";
inline constexpr const char* kTrainingArgsFile = "training_args.json";

/// Which model a command runs.
struct ModelArguments {
  std::filesystem::path model;
  std::filesystem::path adapter;
  std::string dtype = "float32";

  /// Adds the options; `dtypes` are the choices of --dtype.
  void add_to(CLI::App& app, const std::vector<std::string>& dtypes = {"float32", "bfloat16"});
  /// Loads base and adapter.
  template <Scalar T>
  [[nodiscard]] GPT2<T> load(const Common& common) const {
    auto loaded = GPT2<T>::from_pretrained(
        model, {.threads = common.threads,
                .frozen_dtype = dtype == "bfloat16" ? DType::bfloat16 : DType::float32});
    if (!adapter.empty()) loaded.load_adapter(kAdapterName, adapter);
    return loaded;
  }
  /// The adapter's own tokenizer, which may have more tokens, or else the model's; none if neither
  /// folder has one.
  [[nodiscard]] std::optional<Tokenizer> find_tokenizer() const;
  /// Whether training_args.json of the adapter, or else of the model, says that a separator
  /// followed the prompt in training.
  [[nodiscard]] bool trained_with_separator() const;
};

/// The value of --save-dtype: float32, float16 or bfloat16.
DType parse_save_dtype(const std::string& name);

}  // namespace solo::cli
