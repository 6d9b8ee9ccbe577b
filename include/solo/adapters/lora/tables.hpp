// SPDX-License-Identifier: MIT
/// @file
/// What a LoraConfig means for the tables of tokens, wte and lm_head, besides low-rank changes of
/// them: rows that train, and tables that come with the adapter.
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/nn/gpt2_config.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {
struct LoraConfig;
}

namespace solo::inline SOLO_ABI::detail {

/// A table of tokens: its module, and its name among the base's parameters.
struct TokenTable {
  std::string_view module;
  std::string_view base;
};
inline constexpr std::array kTokenTables = {TokenTable{"transformer.wte", "wte.weight"},
                                            TokenTable{"lm_head", "lm_head.weight"}};

/// Rows that train as one tensor: in the embedding, in the head, or in both of a tied model.
struct LoraRows {
  std::string name;                ///< in the file, after the prefix
  std::vector<std::string> bases;  ///< "wte.weight", "lm_head.weight"
  std::vector<int> rows;
  Index width = 0;

  [[nodiscard]] std::vector<Index> shape() const {
    return {static_cast<Index>(rows.size()), width};
  }
};

/// A frozen table that the file holds in the place of the base's. Several names hold the same.
struct LoraTable {
  std::vector<std::string> names;  ///< in the file, after the prefix
  std::vector<std::string> bases;
  std::vector<Index> shape;
};

/// What trainable_token_indices means beside low-rank changes of the modules `targets`. Throws
/// ConfigError ("lora.token_indices").
[[nodiscard]] std::vector<LoraRows> plan_token_rows(const LoraConfig& config,
                                                    const GPT2Config& base,
                                                    std::span<const std::string> targets);

/// The tables of `config.saved_tables`; of `replaced` base tensors others take the place.
[[nodiscard]] std::vector<LoraTable> plan_tables(const LoraConfig& config, const GPT2Config& base,
                                                 std::span<const std::string> replaced);

/// Whether an entry of modules_to_save names the module.
[[nodiscard]] bool saves_module(const LoraConfig& config, std::string_view module);

/// Of an adapter file's names (after the prefix), those of tables of the base.
[[nodiscard]] std::vector<std::string> saved_table_names(const LoraConfig& config,
                                                         std::span<const std::string> names);

/// See LoraConfig::vocab_size. Throws ShapeError ("adapter.shape") for low-rank changes of tables
/// with more tokens.
[[nodiscard]] Index vocabulary_of(const LoraConfig& config, std::span<const AdapterTensor> tensors,
                                  const GPT2Config& base);

/// Whether peft writes a tensor of this name again under another one.
[[nodiscard]] bool is_repeated_table(const LoraConfig& config, std::string_view name);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/tables.ipp>  // IWYU pragma: keep
#endif
