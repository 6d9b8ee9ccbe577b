// SPDX-License-Identifier: MIT
/// @file
/// What a LoraConfig means for one model: layers, ranks, scales and copies.
#pragma once

#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/tables.hpp>
#include <solo/nn/hooks.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// One adapted layer of a block, or table of tokens.
struct LoraSite {
  LinearSite site = {};     ///< of a layer
  std::string module = {};  ///< "transformer.h.0.attn.c_attn", "transformer.wte", "lm_head"
  std::string table = {};   ///< "wte.weight" or "lm_head.weight"; empty: a layer
  int number = 0;           ///< of its random numbers: LinearSite::index(); the tables' follow
  Index in = 0;             ///< of the embedding: the vocabulary
  Index out = 0;
  Index rank = 0;      ///< of each part
  double alpha = 0.0;  ///< of each part
  double scale = 0.0;
  std::array<bool, 3> parts = {};  ///< q, k, v of c_attn; none: the whole layer

  [[nodiscard]] bool sliced() const noexcept { return parts[0] || parts[1] || parts[2]; }
  /// Parts it has, 1 for the whole layer.
  [[nodiscard]] Index part_count() const noexcept;
  /// Rows of A: rank · parts.
  [[nodiscard]] Index total_rank() const noexcept { return rank * part_count(); }
  /// Rows of B without the zeros between the parts.
  [[nodiscard]] Index b_rows() const noexcept { return sliced() ? out / 3 * part_count() : out; }
  [[nodiscard]] bool is_embedding() const noexcept { return table == "wte.weight"; }
  /// The factors' names in the file, after the prefix.
  [[nodiscard]] std::string a_name() const {
    return module + (is_embedding() ? ".lora_embedding_A" : ".lora_A.weight");
  }
  [[nodiscard]] std::string b_name() const {
    return module + (is_embedding() ? ".lora_embedding_B" : ".lora_B.weight");
  }
};

/// A copy of a base tensor that takes its place.
struct LoraCopy {
  std::string name;  ///< in the file, after the prefix
  std::string base;  ///< "h.0.ln_1.bias"
  std::vector<Index> shape;
};

struct LoraPlan {
  std::vector<LoraSite> sites;
  std::vector<LoraCopy> copies;
  std::vector<LoraRows> rows;
  std::vector<LoraTable> tables;
};

/// Checks the configuration and resolves it. Throws ConfigError.
[[nodiscard]] LoraPlan plan_lora(const LoraConfig& config, const GPT2Config& base);

/// The tensors of the file, in its order: by site, then copies, rows and tables.
[[nodiscard]] std::vector<AdapterTensor> lora_file_tensors(const LoraConfig& config,
                                                           const LoraPlan& plan);
/// What selects parts of c_attn: "c_attn.q" and so on.
inline constexpr std::array<std::string_view, 3> kPartNames = {".q", ".k", ".v"};

/// The parts of c_attn module `module` that list entries such as "c_attn.q" name; with `whole`,
/// entries that give the module's whole name alone.
[[nodiscard]] std::array<bool, 3> c_attn_parts(const std::vector<std::string>& targets,
                                               std::string_view module, bool whole = false);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/lora/plan.ipp>          // IWYU pragma: keep
#include <solo/adapters/lora/plan_tensors.ipp>  // IWYU pragma: keep
#endif
