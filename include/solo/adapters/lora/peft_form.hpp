// SPDX-License-Identifier: MIT
/// @file
/// A LoraConfig in the words of peft's adapter_config.json.
#pragma once

#include <solo/adapters/lora/plan.hpp>

namespace solo::inline SOLO_ABI::detail {

/// The configuration as peft reads it: parts of c_attn as one rank, patterns that mean the same in
/// the alphabetical order that peft's files have.
[[nodiscard]] LoraConfig peft_form(const LoraConfig& config, const LoraPlan& plan,
                                   const GPT2Config& base);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/peft_form.ipp>  // IWYU pragma: keep
#endif
