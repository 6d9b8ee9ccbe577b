// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/module_json.hpp>
#include <solo/adapters/modules.hpp>
#include <solo/adapters/tuning/bitfit.hpp>

#include <nlohmann/json.hpp>

namespace solo::inline SOLO_ABI {

SOLO_INLINE BitFitConfig BitFitConfig::from_json(const JsonFields& fields) {
  std::vector<std::string_view> allowed;
  detail::append_common_keys(allowed);
  detail::reject_unknown_settings(fields, allowed);
  detail::check_common_fields(fields);
  return {};
}

SOLO_INLINE std::string BitFitConfig::to_json(std::string_view base_model) const {
  return dump_sorted(detail::common_json("BITFIT", base_model));
}

SOLO_INLINE void BitFitConfig::validate(const GPT2Config& /*base*/) const {}

SOLO_INLINE std::vector<TrainedCopy> BitFitConfig::copies(const GPT2Config& base) const {
  std::vector<TrainedCopy> result;
  for (const detail::BaseTensor& t : detail::base_tensors(base)) {
    if (t.parameter == "bias") result.push_back({t.base_name(), t.base_name(), t.shape});
  }
  return result;
}

SOLO_INLINE Index parameter_count(const BitFitConfig& config, const GPT2Config& base) {
  return count_trainable(config.tensors(base));
}

}  // namespace solo::inline SOLO_ABI
