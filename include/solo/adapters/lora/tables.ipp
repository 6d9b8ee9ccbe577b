// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/tables.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <set>

namespace solo::inline SOLO_ABI::detail {

[[nodiscard]] inline const TokenTable& token_table(const std::string& entry) {
  for (const TokenTable& table : kTokenTables) {
    if (!entry.empty() && names_module(entry, table.module)) return table;
  }
  fail<ConfigError>("lora.token_indices", "trainable_token_indices: ", quoted(entry),
                    " is no table of tokens; expected wte or lm_head");
}

[[nodiscard]] inline std::vector<int> checked_rows(const std::vector<Index>& indices,
                                                   std::string_view module,
                                                   const GPT2Config& base) {
  constexpr Index kMost = Index{1} << 24;
  const auto refuse = [module](const auto&... why) {
    fail<ConfigError>("lora.token_indices", "trainable_token_indices of ", module, why...);
  };
  if (indices.empty()) refuse(": the list is empty");
  std::set<Index> seen;
  std::vector<int> rows;
  for (const Index i : indices) {
    if (i < 0 || i >= kMost) refuse(": expected ids of 0 or more, found ", i);
    if (i >= base.vocab_size) {
      refuse(": id ", i, " is beyond the ", base.vocab_size, " tokens of the base; call ",
             "resize_token_embeddings(", *std::max_element(indices.begin(), indices.end()) + 1,
             ") of it first (train: --add-tokens)");
    }
    if (!seen.insert(i).second) refuse(": id ", i, " is there twice");
    rows.push_back(static_cast<int>(i));
  }
  return rows;
}

SOLO_INLINE std::vector<LoraRows> plan_token_rows(const LoraConfig& config, const GPT2Config& base,
                                                  std::span<const std::string> targets) {
  std::vector<LoraRows> result;
  for (const TokenTable& table : kTokenTables) {
    for (const auto& [entry, indices] : config.trainable_token_indices) {
      if (token_table(entry).module != table.module) continue;
      if (std::find(targets.begin(), targets.end(), table.module) != targets.end()) {
        fail<ConfigError>("lora.token_indices", "trainable_token_indices: ", table.module,
                          " is among target_modules, too; give one of the two");
      }
      LoraRows rows{.name = concat(table.module, ".token_adapter.trainable_tokens_delta"),
                    .bases = {std::string(table.base)},
                    .rows = checked_rows(indices, table.module, base),
                    .width = base.n_embd};
      if (!result.empty() && result.back().name == rows.name) {
        fail<ConfigError>("lora.token_indices", "trainable_token_indices: ", table.module,
                          " is there twice");
      }
      result.push_back(std::move(rows));
    }
  }
  // As in peft, rows of a tied embedding are the head's as well unless the head has others.
  if (base.tie_word_embeddings && !result.empty() && result.front().bases[0] == "wte.weight" &&
      (result.size() == 1 || result[1].rows == result[0].rows)) {
    result.resize(1);
    result.front().bases.emplace_back("lm_head.weight");
  }
  return result;
}

SOLO_INLINE std::vector<LoraTable> plan_tables(const LoraConfig& config, const GPT2Config& base,
                                               std::span<const std::string> replaced) {
  const auto is_free = [replaced](std::string_view name) {
    return std::find(replaced.begin(), replaced.end(), name) == replaced.end();
  };
  std::vector<LoraTable> result;
  for (const TokenTable& table : kTokenTables) {
    for (const std::string& name : config.saved_tables) {
      if (!name.starts_with(concat(table.module, '.'))) continue;
      if (result.empty() || !base.tie_word_embeddings) {
        LoraTable& added = result.emplace_back();
        added.shape = {base.vocab_size, base.n_embd};
      }
      result.back().names.push_back(name);
      if (is_free(table.base)) result.back().bases.emplace_back(table.base);
    }
  }
  if (base.tie_word_embeddings && !result.empty()) {
    result.front().bases.clear();
    for (const TokenTable& table : kTokenTables) {
      if (is_free(table.base)) result.front().bases.emplace_back(table.base);
    }
  }
  return result;
}

SOLO_INLINE bool saves_module(const LoraConfig& config, std::string_view module) {
  return std::any_of(config.modules_to_save.begin(), config.modules_to_save.end(),
                     [module](const std::string& entry) { return names_module(entry, module); });
}

SOLO_INLINE std::vector<std::string> saved_table_names(const LoraConfig& config,
                                                       std::span<const std::string> names) {
  std::vector<std::string> result;
  for (const TokenTable& table : kTokenTables) {
    if (saves_module(config, table.module)) continue;
    for (const std::string_view end :
         {".weight", ".base_layer.weight", ".token_adapter.base_layer.weight"}) {
      const std::string name = concat(table.module, end);
      if (std::find(names.begin(), names.end(), name) != names.end()) result.push_back(name);
    }
  }
  return result;
}

SOLO_INLINE Index vocabulary_of(const LoraConfig& config, std::span<const AdapterTensor> tensors,
                                const GPT2Config& base) {
  const Index vocabulary = base.vocab_size;
  Index tables = 0;  // that the file has whole, and their rows
  Index rows = 0;
  Index factors = 0;  // columns or rows of low-rank changes
  for (const TokenTable& table : kTokenTables) {
    bool whole = false;
    for (const AdapterTensor& t : tensors) {
      if (!t.name.starts_with(concat(table.module, '.')) || t.shape.size() != 2) continue;
      if (t.name.ends_with(".lora_embedding_A")) factors = std::max(factors, t.shape[1]);
      if (t.name.ends_with(".lora_B.weight")) factors = std::max(factors, t.shape[0]);
      if (!t.name.ends_with(".weight") || t.name.find(".lora_") != std::string::npos) continue;
      if (t.shape[1] != base.n_embd) continue;
      whole = true;
      rows = std::max(rows, t.shape[0]);
    }
    if (whole) ++tables;
  }
  if (tables >= (base.tie_word_embeddings ? 1 : 2)) return std::max(vocabulary, rows);
  if (factors > vocabulary) {
    fail<ShapeError>("adapter.shape", "the adapter changes tables of ", factors,
                     " tokens without holding them, the base has ", vocabulary,
                     "; call resize_token_embeddings(", factors, ") of it first");
  }
  std::set<Index> beyond;
  for (const auto& [entry, indices] : config.trainable_token_indices) {
    if (token_table(entry).base != "wte.weight") continue;
    for (const Index i : indices) {
      if (i >= vocabulary) beyond.insert(i);
    }
  }
  // Rows in between that nobody gives would be anything: those stay an error.
  const auto count = static_cast<Index>(beyond.size());
  const bool whole = !beyond.empty() && *beyond.rbegin() == vocabulary + count - 1;
  return whole ? vocabulary + count : vocabulary;
}

SOLO_INLINE bool is_repeated_table(const LoraConfig& config, std::string_view name) {
  // The rows of a tied embedding again as the head's.
  if (name == "lm_head.token_adapter.trainable_tokens_delta") {
    return !config.trainable_token_indices.empty();
  }
  // What peft wraps a table of modules_to_save in, when it writes the embeddings too.
  return std::any_of(kTokenTables.begin(), kTokenTables.end(), [&](const TokenTable& table) {
    return saves_module(config, table.module) &&
           (name == concat(table.module, ".modules_to_save.weight") ||
            name == concat(table.module, ".original_module.weight"));
  });
}

}  // namespace solo::inline SOLO_ABI::detail
