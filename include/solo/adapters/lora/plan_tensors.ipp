// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/plan.hpp>
#include <solo/core/tensor.hpp>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE std::vector<AdapterTensor> lora_file_tensors(const LoraConfig& config,
                                                         const LoraPlan& plan) {
  std::vector<AdapterTensor> tensors;
  for (const LoraSite& site : plan.sites) {
    tensors.push_back({site.a_name(), {site.total_rank(), site.in}});
    tensors.push_back({site.b_name(), {site.out, site.total_rank()}});
    if (config.lora_bias) tensors.push_back({site.module + ".lora_B.bias", {site.out}});
    if (config.use_dora) tensors.push_back({site.module + ".lora_magnitude_vector", {site.out}});
  }
  for (const LoraCopy& copy : plan.copies) tensors.push_back({copy.name, copy.shape});
  for (const LoraRows& rows : plan.rows) tensors.push_back({rows.name, rows.shape()});
  for (const LoraTable& table : plan.tables) {
    for (const std::string& name : table.names) tensors.push_back({name, table.shape, false});
  }
  return tensors;
}

}  // namespace solo::inline SOLO_ABI::detail

namespace solo::inline SOLO_ABI {

SOLO_INLINE void LoraConfig::validate(const GPT2Config& base) const {
  (void)detail::plan_lora(*this, base);
}

SOLO_INLINE std::vector<AdapterTensor> LoraConfig::tensors(const GPT2Config& base) const {
  return detail::lora_file_tensors(*this, detail::plan_lora(*this, base));
}

SOLO_INLINE Index parameter_count(const LoraConfig& config, const GPT2Config& base) {
  const detail::LoraPlan plan = detail::plan_lora(config, base);
  Index count = 0;
  for (const detail::LoraSite& site : plan.sites) {
    count += site.total_rank() * site.in + site.b_rows() * site.rank;
    if (config.lora_bias) count += site.out;
    if (config.use_dora) count += site.out;
  }
  for (const detail::LoraCopy& copy : plan.copies) count += Tensor<float>::count(copy.shape);
  for (const detail::LoraRows& rows : plan.rows) count += Tensor<float>::count(rows.shape());
  return count;
}

}  // namespace solo::inline SOLO_ABI
