// SPDX-License-Identifier: MIT
/// @file
/// GPT-2's configuration, the fields of a Hugging Face config.json that change the maths.
#pragma once

#include <solo/core/activation.hpp>
#include <solo/core/scalar.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Names and defaults of transformers' GPT2Config.
struct GPT2Config {
  Index vocab_size = 50257;
  Index n_positions = 1024;
  Index n_embd = 768;
  Index n_layer = 12;
  Index n_head = 12;
  Index n_inner = 0;  ///< 0 (null in the file): 4 · n_embd
  Activation activation_function = Activation::gelu_new;
  double layer_norm_epsilon = 1e-5;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer_idx = false;
  bool reorder_and_upcast_attn = false;  ///< changes nothing in fp32; kept for the file
  double resid_pdrop = 0.1;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  int bos_token_id = 50256;  ///< -1: none
  int eos_token_id = 50256;  ///< -1: none
  /// All of them, when the file lists more than one (the first is eos_token_id); else empty.
  std::vector<int> eos_token_ids = {};
  bool tie_word_embeddings = true;

  [[nodiscard]] Index inner() const noexcept { return n_inner == 0 ? 4 * n_embd : n_inner; }
  [[nodiscard]] Index head_dim() const noexcept { return n_embd / n_head; }
  /// The end tokens that are in the vocabulary.
  [[nodiscard]] std::vector<int> end_tokens() const {
    std::vector<int> ids = eos_token_ids;
    if (ids.empty()) ids.push_back(eos_token_id);
    std::erase_if(ids, [this](int id) { return id < 0 || id >= vocab_size; });
    return ids;
  }
  /// Elements of all tensors, a tied head counted once. Throws ShapeError ("shape.overflow") for
  /// more than an Index counts: validate() bounds each size, not their product.
  [[nodiscard]] Index parameter_count() const;

  /// Throws ConfigError ("config.range" or "config.value") naming the first field out of its range.
  /// The token ids may lie beyond the vocabulary; that means none.
  void validate() const;

  /// "gpt2", "gpt2-medium", "gpt2-large" or "gpt2-xl"; ConfigError "config.value" for another name.
  [[nodiscard]] static GPT2Config from_size(std::string_view name);
  /// Reads a config.json. Sizes are required, under transformers' names or their aliases;
  /// everything else has GPT-2's default; unknown keys are ignored unless they change the maths; a
  /// token id beyond the vocabulary becomes none. Throws IoError, FormatError ("json.…") or
  /// ConfigError
  /// ("config.range", "config.value", "config.alias") naming the file and field.
  [[nodiscard]] static GPT2Config from_file(const std::filesystem::path& file);
  /// The text of a config.json that transformers reads. `dtype` is that of the weights beside it.
  [[nodiscard]] std::string to_json(std::string_view dtype = "float32") const;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/nn/gpt2_config.ipp>  // IWYU pragma: keep
#endif
