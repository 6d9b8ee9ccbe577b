// SPDX-License-Identifier: MIT
/// @file
/// Options of solo generate that say how sequences grow.
#pragma once

#include <solo/generate/options.hpp>

#include "program.hpp"

#include <string>
#include <vector>

namespace solo::cli {

/// The options of the library, under their names.
class GenerationOptions {
 public:
  void add_to(CLI::App& app);
  /// The options as said; with the tokenizer's end tokens of the beam style where there is one.
  /// Throws UsageError for a list of tokens that is none.
  [[nodiscard]] GenerateOptions options(const Tokenizer* tokenizer) const;
  /// Warns of options that mean nothing, as transformers does.
  void warn_of_idle(const GenerationConfig& config) const;

 private:
  void add_lengths(CLI::App& app);
  void add_searches(CLI::App& app);
  void add_sampling(CLI::App& app);
  void add_bans(CLI::App& app);
  [[nodiscard]] bool given(const char* option) const { return app_->count(option) != 0; }

  CLI::App* app_ = nullptr;
  GenerateOptions options_;
  std::string beam_style_ = "transformers";
  std::string early_stopping_;
  std::vector<std::string> bad_words_;
  std::vector<std::string> biases_;
  std::string suppressed_;
  std::string begin_suppressed_;
  std::string forced_ends_;
  std::string decay_;
};

}  // namespace solo::cli
