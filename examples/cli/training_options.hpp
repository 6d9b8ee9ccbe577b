// SPDX-License-Identifier: MIT
/// @file
/// The trainer's options on the command line, for `train` and `pretrain`.
#pragma once

#include <solo/train/trainer_options.hpp>

#include "program.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace solo::cli {

/// What was said on the command line about the training run.
class TrainingOptions {
 public:
  /// Adds the options; the values of `defaults` hold where none is given. The object must outlive
  /// the parsing and stay where it is.
  TrainingOptions(CLI::App& app, TrainerOptions defaults);
  TrainingOptions(const TrainingOptions&) = delete;
  TrainingOptions& operator=(const TrainingOptions&) = delete;

  [[nodiscard]] bool learning_rate_given() const;
  /// The options as said, with this output folder; those of the recipe where nothing is said.
  /// Throws UsageError for an --lr-multiplier that is no NAME=FACTOR, IoError ("io.directory") when
  /// `output` is there and no folder; ranges are for TrainerOptions::validate().
  [[nodiscard]] TrainerOptions trainer_options(const std::filesystem::path& output,
                                               Recipe recipe = Recipe::none) const;

 private:
  /// An option that recipes have a value of.
  struct Field {
    const CLI::Option* option;
    std::function<void(TrainerOptions& to, const TrainerOptions& from)> copy;
  };

  template <class M>
  void remember(const CLI::Option* option, M TrainerOptions::*member) {
    fields_.push_back({option, [member](TrainerOptions& to, const TrainerOptions& from) {
                         to.*member = from.*member;
                       }});
  }
  void add_names(CLI::App& app);
  void add_prefix_cache(CLI::App& app);

  TrainerOptions options_;
  std::vector<Field> fields_;
  std::string optimizer_;
  std::string scheduler_;
  std::vector<std::string> multipliers_;
  bool no_shuffle_ = false;
  std::string prefix_cache_ = "off";
  std::string prefix_cache_dtype_ = "float32";
  std::int64_t prefix_cache_max_mb_ = 0;
  CLI::Option* learning_rate_ = nullptr;
  CLI::Option* resume_ = nullptr;
};

}  // namespace solo::cli
