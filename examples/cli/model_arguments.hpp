// SPDX-License-Identifier: MIT
/// @file
/// --model, --adapter and --dtype, for the commands that run a trained model.
#pragma once

#include <solo/adapters/adapters.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/text/tokenizer.hpp>

#include "program.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>

namespace solo::cli {

inline constexpr const char* kAdapterName = "adapter";
inline constexpr const char* kTrainingArgsFile = "training_args.json";
/// In the metadata of trained tensors: the members of TrainedText.
inline constexpr const char* kSeparatorKey = "solo_separator";
inline constexpr const char* kEosKey = "solo_eos_token_id";
inline constexpr const char* kSpecialKey = "solo_special_tokens";
inline constexpr const char* kTokenizerKey = "solo_tokenizer";

/// How a training run made its texts into ids.
struct TrainedText {
  std::string separator = {};  ///< between prompt and completion: "eos", "none"; empty: not known
  int eos_token_id = -1;       ///< the token it wrote as end; -1: not known
  bool special_tokens = true;  ///< whether special tokens in a text were tokens
  std::string tokenizer = {};  ///< tokenizer_mark() of the one that was used; empty: not known

  /// What the metadata of the tensors say about it.
  [[nodiscard]] std::map<std::string, std::string> metadata() const;
};

/// The number of tokens, and the fingerprint of a tokenizer.
[[nodiscard]] std::string tokenizer_mark(const Tokenizer& tokenizer, int tokens);
/// That of all its tokens; empty without a tokenizer.
[[nodiscard]] std::string tokenizer_mark(const std::optional<Tokenizer>& tokenizer);

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
  /// The adapter's own tokenizer, which may have more tokens, or else the model's; none if neither
  /// folder has one. Throws FormatError "adapter.mixed" or "model.mixed" for one that training did
  /// not use.
  [[nodiscard]] std::optional<Tokenizer> find_tokenizer() const;
  /// What the tensors of the adapter, or else of the model, say about it; of older folders, whose
  /// tensors say nothing, training_args.json. Throws FormatError.
  [[nodiscard]] TrainedText trained_text(Index vocab_size) const;

 private:
  [[nodiscard]] std::map<std::string, std::string> trained_metadata() const;
};

/// Throws UsageError when `output` is the folder of the base, which would be lost.
void require_other_folder(const std::string& command, const std::filesystem::path& output,
                          const std::filesystem::path& base, const std::string& option = "--model");
/// Throws away what an older run in this folder had of a tokenizer, when there is none.
void save_tokenizer(const std::optional<Tokenizer>& tokenizer, AtomicFolder& files);

/// The value of --save-dtype: float32, float16 or bfloat16.
DType parse_save_dtype(const std::string& name);

}  // namespace solo::cli
