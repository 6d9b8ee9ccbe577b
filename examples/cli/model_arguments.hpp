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
/// In the metadata of trained tensors: what stood between prompt and completion, "eos" or "none".
inline constexpr const char* kSeparatorKey = "solo_separator";

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
  /// What the adapter, or else the model, was trained with between prompt and completion: "eos",
  /// "none", or nothing when that is not known. The tensors say it; beside those of older versions
  /// training_args.json does.
  [[nodiscard]] std::string trained_separator() const;
};

/// Throws UsageError when `output` is the folder of the base, which would be lost.
void require_other_folder(const std::string& command, const std::filesystem::path& output,
                          const std::filesystem::path& base, const std::string& option = "--model");
/// Throws ConfigError ("output.adapter") when a model is to be written beside an adapter of another
/// run, with which it would be used.
void require_no_adapter(const std::filesystem::path& output);
/// Throws away what an older run in this folder had of a tokenizer, when there is none.
void save_tokenizer(const std::optional<Tokenizer>& tokenizer, AtomicFolder& files);

/// The value of --save-dtype: float32, float16 or bfloat16.
DType parse_save_dtype(const std::string& name);

}  // namespace solo::cli
