// SPDX-License-Identifier: MIT
/// @file
/// LoRA's configuration, with the names of peft's LoraConfig.
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/adapters/modules.hpp>
#include <solo/core/scalar.hpp>
#include <solo/nn/gpt2_config.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace solo::inline SOLO_ABI {

class JsonFields;

/// Which biases of the base train with the adapter, each as a copy of the adapter's own.
enum class LoraBias { none, all, lora_only };
/// "none", "all" or "lora_only".
[[nodiscard]] std::string_view to_string(LoraBias bias) noexcept;
/// Throws ConfigError ("config.value") for another text, the message beginning with `where`.
[[nodiscard]] LoraBias lora_bias_from(std::string_view text, std::string_view where = "bias");

/// What the start of training did to the base: PiSSA (Meng et al. 2024) and OLoRA (Büyükakyüz 2024)
/// take a part of each weight out of it and into the adapter.
enum class LoraStart { plain, pissa, olora };
/// "plain", "pissa" or "olora".
[[nodiscard]] std::string_view to_string(LoraStart start) noexcept;

/// Low-rank adaptation (Hu et al. 2021) of the linear layers of the blocks and of the head:
/// y += s · drop(x) AᵀBᵀ, s = lora_alpha / r; and of the embedding, where A's column of a token
/// takes the place of drop(x) Aᵀ. Fields mean what they mean in peft 0.21; one more target is
/// known: "c_attn.q", "c_attn.k" and "c_attn.v" adapt parts of c_attn as LoRA's own code does, r
/// rows of A for each.
struct LoraConfig {
  Index r = 8;
  double lora_alpha = 8;
  double lora_dropout = 0;
  ModuleNames target_modules = {"c_attn"};
  ModuleNames exclude_modules = {};
  bool use_rslora = false;  ///< s = lora_alpha / √r
  /// Other ranks and alphas by module: keys are expressions that match a name from its begin or
  /// after a dot; the first one that matches counts.
  std::vector<std::pair<std::string, Index>> rank_pattern = {};
  std::vector<std::pair<std::string, double>> alpha_pattern = {};
  std::vector<Index> layers_to_transform = {};   ///< empty: all; for a list of targets only
  std::vector<std::string> layers_pattern = {};  ///< name of the list of blocks: "h"
  LoraBias bias = LoraBias::none;
  bool lora_bias = false;         ///< a bias in B, multiplied by s
  bool use_dora = false;          ///< weight-decomposed (Liu et al. 2024)
  bool init_lora_weights = true;  ///< B zero; false: B random like A
  /// Of an adapter in a file. load_adapter makes it a plain one, of twice the rank, that means the
  /// same on the base as it is; a new adapter cannot begin so.
  LoraStart start = LoraStart::plain;
  std::vector<std::string> modules_to_save = {};  ///< modules that train in full, as copies
  /// Tokens whose rows train and nothing else of their tables, by module: "wte", "lm_head". A plain
  /// list in peft's file is that of "wte". In a tied model they are the head's rows too, unless the
  /// head has other ones.
  std::vector<std::pair<std::string, std::vector<Index>>> trainable_token_indices = {};
  /// Frozen tables of tokens that the file holds in place of the base's, by their names in it:
  /// "transformer.wte.weight", "lm_head.weight" (peft's save_embedding_layers). Not in
  /// adapter_config.json.
  std::vector<std::string> saved_tables = {};
  bool equal_init = false;  ///< all blocks begin with the same A; not written to the file
  std::uint64_t seed = 42;  ///< of A; not written to the file

  /// What the names in a file begin with.
  static constexpr std::string_view kFilePrefix = "base_model.model.";
  /// Where the tensors' metadata name the parts of c_attn that the adapter is of.
  static constexpr std::string_view kPartsKey = "solo_target_modules";

  /// Reads peft's adapter_config.json. Throws FormatError or ConfigError naming the key.
  [[nodiscard]] static LoraConfig from_json(const JsonFields& fields);
  /// Text of an adapter_config.json that peft loads, parts of c_attn aside.
  [[nodiscard]] std::string to_json(std::string_view base_model) const;
  /// Throws ConfigError naming the field that is wrong, or wrong for this base.
  void validate(const GPT2Config& base) const;
  /// The tensors of the file. Throws as validate().
  [[nodiscard]] std::vector<AdapterTensor> tensors(const GPT2Config& base) const;
  /// Sets saved_tables by the names of an adapter file's tensors, after the prefix.
  void see_tensors(std::span<const std::string> names);
  /// The tokens that `base` must have for a file with these tensors (names after
  /// the prefix): more than it has when the file holds every row beyond.
  [[nodiscard]] Index vocab_size(std::span<const AdapterTensor> tensors,
                                 const GPT2Config& base) const;
  /// Whether peft writes a tensor of this name that it does not read, or writes it twice.
  [[nodiscard]] bool ignores(std::string_view name) const;
};

/// Elements that train. Throws as LoraConfig::validate.
[[nodiscard]] Index parameter_count(const LoraConfig& config, const GPT2Config& base);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/config.ipp>  // IWYU pragma: keep
#include <solo/adapters/lora/plan.hpp>    // IWYU pragma: keep; defines what needs the plan
#endif
