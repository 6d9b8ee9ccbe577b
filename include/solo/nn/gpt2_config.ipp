// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/checked_index.hpp>
#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/nn/gpt2_config.hpp>

#include <nlohmann/json.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

inline constexpr Index kMaxLayers = 4096;            // and heads
inline constexpr Index kMaxWidth = Index{1} << 24U;  // and positions, vocabulary

SOLO_INLINE void check_gpt2_size(const std::string& where, std::string_view field, Index value,
                                 Index max) {
  if (value >= 1 && value <= max) return;
  fail<ConfigError>("config.range", where, ": ", field, ": expected 1 to ", max, ", found ", value);
}

SOLO_INLINE void check_gpt2_dropout(const std::string& where, std::string_view field,
                                    double value) {
  if (value >= 0.0 && value < 1.0) return;
  fail<ConfigError>("config.range", where, ": ", field, ": expected at least 0 and less than 1, ",
                    "found ", value);
}

SOLO_INLINE void check_gpt2_config(const GPT2Config& c, const std::string& where) {
  check_gpt2_size(where, "vocab_size", c.vocab_size, kMaxWidth);
  check_gpt2_size(where, "n_positions", c.n_positions, kMaxWidth);
  check_gpt2_size(where, "n_embd", c.n_embd, kMaxWidth);
  check_gpt2_size(where, "n_layer", c.n_layer, kMaxLayers);
  check_gpt2_size(where, "n_head", c.n_head, kMaxLayers);
  if (c.n_inner != 0) check_gpt2_size(where, "n_inner", c.n_inner, kMaxWidth);
  if (c.n_embd % c.n_head != 0) {
    fail<ConfigError>("config.range", where, ": n_head: expected a divisor of n_embd ", c.n_embd,
                      ", found ", c.n_head);
  }
  const Activation f = c.activation_function;
  if (f != Activation::gelu_new && f != Activation::gelu && f != Activation::relu &&
      f != Activation::silu) {
    fail<ConfigError>("config.value", where,
                      ": activation_function: expected gelu_new, gelu, relu or silu, found ",
                      to_string(f));
  }
  // The sum it is added to is a float.
  constexpr auto kMin = static_cast<double>(std::numeric_limits<float>::min());
  constexpr auto kMax = static_cast<double>(std::numeric_limits<float>::max());
  if (!(c.layer_norm_epsilon >= kMin && c.layer_norm_epsilon <= kMax)) {
    fail<ConfigError>("config.range", where,
                      ": layer_norm_epsilon: expected a positive, finite float, found ",
                      c.layer_norm_epsilon);
  }
  check_gpt2_dropout(where, "resid_pdrop", c.resid_pdrop);
  check_gpt2_dropout(where, "embd_pdrop", c.embd_pdrop);
  check_gpt2_dropout(where, "attn_pdrop", c.attn_pdrop);
}

/// The integer under `name` or its alias, which must not disagree.
[[nodiscard]] SOLO_INLINE Index read_gpt2_size(const JsonFields& file, std::string_view name,
                                               std::string_view alias) {
  if (!file.has(alias)) return static_cast<Index>(file.integer(name));
  const std::int64_t value = file.integer(alias);
  if (file.has(name) && file.integer(name) != value) {
    fail<ConfigError>("config.alias", file.where(alias), ": expected the value of ", name, ", ",
                      file.integer(name), ", found ", value);
  }
  return static_cast<Index>(value);
}

[[nodiscard]] SOLO_INLINE Activation read_gpt2_activation(const JsonFields& file) {
  constexpr std::string_view kKey = "activation_function";
  struct Name {
    std::string_view name;
    Activation function;
  };
  // Names of transformers' ACT2FN, those of one function together.
  static constexpr std::array kNames = {Name{"gelu_new", Activation::gelu_new},
                                        Name{"gelu_pytorch_tanh", Activation::gelu_new},
                                        Name{"gelu_python_tanh", Activation::gelu_new},
                                        Name{"gelu_fast", Activation::gelu_new},
                                        Name{"gelu_accurate", Activation::gelu_new},
                                        Name{"gelu", Activation::gelu},
                                        Name{"gelu_python", Activation::gelu},
                                        Name{"relu", Activation::relu},
                                        Name{"silu", Activation::silu},
                                        Name{"swish", Activation::silu}};
  const std::string found = file.string_or(kKey, "gelu_new");
  std::string known;
  for (const Name& n : kNames) {
    if (n.name == found) return n.function;
    known += concat(known.empty() ? "" : ", ", n.name);
  }
  fail<ConfigError>("config.value", file.where(kKey), ": expected one of ", known, ", found ",
                    quoted(found));
}

/// The ids of a field that is an integer, a list of them or null; those beyond the vocabulary are
/// left out.
[[nodiscard]] SOLO_INLINE std::vector<int> read_gpt2_token_ids(const JsonFields& file,
                                                               std::string_view key,
                                                               const GPT2Config& config) {
  constexpr std::int64_t kDefault = 50256;
  const Json fallback = kDefault;
  const Json* value = file.find(key);
  if (value == nullptr) value = &fallback;
  std::vector<int> ids;
  const auto add = [&](const Json& id) {
    if (!id.is_number_integer()) file.refuse(key, "an integer, a list of integers or null");
    const bool huge = id.is_number_unsigned() &&
                      id.get<std::uint64_t>() >= static_cast<std::uint64_t>(config.vocab_size);
    if (!huge && id.get<std::int64_t>() >= 0 && id.get<std::int64_t>() < config.vocab_size) {
      ids.push_back(id.get<int>());
    }
  };
  if (value->is_array()) {
    for (const Json& id : *value) add(id);
  } else if (!value->is_null()) {
    add(*value);
  }
  return ids;
}

/// Refuses settings that are no part of GPT-2's maths as implemented.
SOLO_INLINE void refuse_other_maths(const JsonFields& file) {
  if (file.has("model_type") && file.string("model_type") != "gpt2") {
    fail<ConfigError>("config.value", file.where("model_type"), ": expected 'gpt2', found ",
                      quoted(file.string("model_type")));
  }
  for (const std::string_view key : {"add_cross_attention", "is_encoder_decoder"}) {
    if (file.boolean_or(key, false)) {
      fail<ConfigError>("config.value", file.where(key), ": expected false, found true");
    }
  }
  for (const std::string_view key : {"pruned_heads", "quantization_config"}) {
    const Json* value = file.find(key);
    if (value != nullptr && !value->empty()) {
      fail<ConfigError>("config.value", file.where(key), ": expected null or nothing, found ",
                        describe(*value));
    }
  }
}

}  // namespace detail

SOLO_INLINE void GPT2Config::validate() const {
  detail::check_gpt2_config(*this, "GPT2Config");
}

SOLO_INLINE Index GPT2Config::parameter_count() const {
  const CheckedIndex width = n_embd;
  const CheckedIndex rows = n_inner == 0 ? 4 * width : CheckedIndex(n_inner);
  const CheckedIndex block = 4 * width * width + 2 * width * rows + 9 * width + rows;
  const CheckedIndex heads = tie_word_embeddings ? 1 : 2;
  return ((heads * vocab_size + n_positions) * width + n_layer * block + 2 * width).value();
}

SOLO_INLINE GPT2Config GPT2Config::from_size(std::string_view name) {
  struct Size {
    std::string_view name;
    Index layers, width, heads;
  };
  constexpr std::array<Size, 4> kSizes = {{{"gpt2", 12, 768, 12},
                                           {"gpt2-medium", 24, 1024, 16},
                                           {"gpt2-large", 36, 1280, 20},
                                           {"gpt2-xl", 48, 1600, 25}}};
  for (const Size& size : kSizes) {
    if (size.name == name) {
      return {.n_embd = size.width, .n_layer = size.layers, .n_head = size.heads};
    }
  }
  fail<ConfigError>("config.value",
                    "model size: expected gpt2, gpt2-medium, gpt2-large or gpt2-xl, found ",
                    quoted(name));
}

SOLO_INLINE GPT2Config GPT2Config::from_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    const std::string found = detail::found_instead(path.parent_path(), detail::FolderKind::model);
    if (!found.empty()) fail<IoError>("io.open", display_name(path), ": there is none", found);
  }
  const Json json = read_json_file(path);
  const JsonFields file(json, display_name(path));
  detail::refuse_other_maths(file);

  GPT2Config c;
  c.vocab_size = static_cast<Index>(file.integer("vocab_size"));
  c.n_embd = detail::read_gpt2_size(file, "n_embd", "hidden_size");
  c.n_layer = detail::read_gpt2_size(file, "n_layer", "num_hidden_layers");
  c.n_head = detail::read_gpt2_size(file, "n_head", "num_attention_heads");
  const bool positions = file.has("n_positions") || file.has("max_position_embeddings");
  c.n_positions = !positions && file.has("n_ctx")  // as old files have it
                      ? static_cast<Index>(file.integer("n_ctx"))
                      : detail::read_gpt2_size(file, "n_positions", "max_position_embeddings");
  if (!file.absent("n_inner")) {
    c.n_inner = static_cast<Index>(file.integer("n_inner"));
    detail::check_gpt2_size(file.source(), "n_inner", c.n_inner, detail::kMaxWidth);
  }
  c.activation_function = detail::read_gpt2_activation(file);
  c.layer_norm_epsilon = file.number_or("layer_norm_epsilon", c.layer_norm_epsilon);
  c.scale_attn_weights = file.boolean_or("scale_attn_weights", c.scale_attn_weights);
  c.scale_attn_by_inverse_layer_idx =
      file.boolean_or("scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx);
  c.reorder_and_upcast_attn = file.boolean_or("reorder_and_upcast_attn", c.reorder_and_upcast_attn);
  c.resid_pdrop = file.number_or("resid_pdrop", c.resid_pdrop);
  c.embd_pdrop = file.number_or("embd_pdrop", c.embd_pdrop);
  c.attn_pdrop = file.number_or("attn_pdrop", c.attn_pdrop);
  c.tie_word_embeddings = file.boolean_or("tie_word_embeddings", c.tie_word_embeddings);
  detail::check_gpt2_config(c, file.source());

  const std::vector<int> bos = detail::read_gpt2_token_ids(file, "bos_token_id", c);
  c.bos_token_id = bos.empty() ? -1 : bos.front();
  c.eos_token_ids = detail::read_gpt2_token_ids(file, "eos_token_id", c);
  c.eos_token_id = c.eos_token_ids.empty() ? -1 : c.eos_token_ids.front();
  if (c.eos_token_ids.size() == 1) c.eos_token_ids.clear();
  return c;
}

SOLO_INLINE std::string GPT2Config::to_json(std::string_view dtype) const {
  const auto token = [&](int id) { return id >= 0 && id < vocab_size ? Json(id) : Json(); };
  Json json;
  json["activation_function"] = to_string(activation_function);
  json["add_cross_attention"] = false;
  json["architectures"] = {"GPT2LMHeadModel"};
  json["attn_pdrop"] = attn_pdrop;
  json["bos_token_id"] = token(bos_token_id);
  json["dtype"] = dtype;
  json["embd_pdrop"] = embd_pdrop;
  json["eos_token_id"] = eos_token_ids.empty() ? token(eos_token_id) : Json(eos_token_ids);
  json["initializer_range"] = 0.02;
  json["layer_norm_epsilon"] = layer_norm_epsilon;
  json["model_type"] = "gpt2";
  json["n_ctx"] = n_positions;  // llama.cpp's conversion needs it
  json["n_embd"] = n_embd;
  json["n_head"] = n_head;
  json["n_inner"] = n_inner == 0 ? Json() : Json(n_inner);
  json["n_layer"] = n_layer;
  json["n_positions"] = n_positions;
  json["pad_token_id"] = nullptr;
  json["reorder_and_upcast_attn"] = reorder_and_upcast_attn;
  json["resid_pdrop"] = resid_pdrop;
  json["scale_attn_by_inverse_layer_idx"] = scale_attn_by_inverse_layer_idx;
  json["scale_attn_weights"] = scale_attn_weights;
  json["tie_word_embeddings"] = tie_word_embeddings;
  json["use_cache"] = true;
  json["vocab_size"] = vocab_size;
  return dump_sorted(json) + "\n";
}

}  // namespace solo::inline SOLO_ABI
