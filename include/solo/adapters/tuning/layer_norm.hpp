// SPDX-License-Identifier: MIT
/// @file
/// LayerNorm tuning (Zhao et al. 2023), peft's LN_TUNING: the layer norms train, all else is
/// frozen.
#pragma once

#include <solo/adapters/modules.hpp>
#include <solo/adapters/tuning/replacement.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

class JsonFields;

/// Weight and bias of layer norms; fields as peft's LNTuningConfig.
struct LayerNormConfig {
  ModuleNames target_modules = {"ln_1", "ln_2", "ln_f"};
  ModuleNames exclude_modules = {};

  static constexpr std::string_view kFilePrefix = "base_model.model.transformer.";

  /// Reads peft's adapter_config.json. Throws FormatError or ConfigError naming the key.
  [[nodiscard]] static LayerNormConfig from_json(const JsonFields& fields);
  /// What peft loads again.
  [[nodiscard]] std::string to_json(std::string_view base_model) const;
  /// Throws ConfigError ("ln_tuning.target") when the targets are none, or no layer norms.
  void validate(const GPT2Config& base) const { (void)copies(base); }
  /// Throws as validate().
  [[nodiscard]] std::vector<TrainedCopy> copies(const GPT2Config& base) const;
  [[nodiscard]] std::vector<AdapterTensor> tensors(const GPT2Config& base) const {
    return file_tensors(copies(base));
  }
};

/// Elements that train. Throws as LayerNormConfig::validate.
[[nodiscard]] Index parameter_count(const LayerNormConfig& config, const GPT2Config& base);

/// LayerNorm tuning on a model.
template <Scalar T>
class LayerNormAdapter final : public ReplacementAdapter<T> {
 public:
  LayerNormAdapter(const LayerNormConfig& config, const GPT2<T>& model)
      : ReplacementAdapter<T>(config.copies(model.config()), model), config_(config) {}
  [[nodiscard]] const LayerNormConfig& config() const noexcept { return config_; }
  [[nodiscard]] std::string peft_type() const override { return "LN_TUNING"; }
  [[nodiscard]] std::string config_json(std::string_view base_model) const override {
    return config_.to_json(base_model);
  }

 private:
  LayerNormConfig config_;
};

/// For GPT2::add_adapter.
template <Scalar T>
[[nodiscard]] std::unique_ptr<Adapter<T>> make_adapter(const LayerNormConfig& config,
                                                       const GPT2<T>& model) {
  return std::make_unique<LayerNormAdapter<T>>(config, model);
}

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/tuning/layer_norm.ipp>  // IWYU pragma: keep
#endif
