// SPDX-License-Identifier: MIT
/// @file
/// BitFit (Ben Zaken et al. 2022): the biases train, all else is frozen.
#pragma once

#include <solo/adapters/tuning/replacement.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

class JsonFields;

/// All biases of the base. The file has the form of peft's, with peft_type BITFIT.
struct BitFitConfig {
  static constexpr std::string_view kFilePrefix = "base_model.model.transformer.";

  /// Throws FormatError or ConfigError naming the key.
  [[nodiscard]] static BitFitConfig from_json(const JsonFields& fields);
  [[nodiscard]] std::string to_json(std::string_view base_model) const;
  /// Any base will do.
  void validate(const GPT2Config& base) const;
  [[nodiscard]] std::vector<TrainedCopy> copies(const GPT2Config& base) const;
  [[nodiscard]] std::vector<AdapterTensor> tensors(const GPT2Config& base) const {
    return file_tensors(copies(base));
  }
};

/// Elements that train.
[[nodiscard]] Index parameter_count(const BitFitConfig& config, const GPT2Config& base);

/// BitFit on a model.
template <Scalar T>
class BitFitAdapter final : public ReplacementAdapter<T> {
 public:
  BitFitAdapter(const BitFitConfig& config, const GPT2<T>& model)
      : ReplacementAdapter<T>(config.copies(model.config()), model), config_(config) {}
  [[nodiscard]] std::string peft_type() const override { return "BITFIT"; }
  [[nodiscard]] std::string config_json(std::string_view base_model) const override {
    return config_.to_json(base_model);
  }

 private:
  BitFitConfig config_;
};

/// For GPT2::add_adapter.
template <Scalar T>
[[nodiscard]] std::unique_ptr<Adapter<T>> make_adapter(const BitFitConfig& config,
                                                       const GPT2<T>& model) {
  return std::make_unique<BitFitAdapter<T>>(config, model);
}

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/tuning/bitfit.ipp>  // IWYU pragma: keep
#endif
