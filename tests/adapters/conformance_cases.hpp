// SPDX-License-Identifier: MIT
/// @file
/// The configurations that every adapter test runs over: a new kind adds its lines here.
#pragma once

#include "adapters/gated_tanh.hpp"
#include "adapters/tiny_model.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace solo::test {

struct ConformanceCase {
  std::string name;
  std::function<void(GPT2<float>&, std::string)> add_float;
  std::function<void(GPT2<double>&, std::string)> add_double;
  bool loads = true;  ///< load_adapter knows the kind
  bool exact = true;  ///< gradients are the loss's; DoRA holds its norms constant
};

template <class Config>
ConformanceCase adapter_case(std::string name, const Config& config) {
  return {std::move(name),
          [config](GPT2<float>& m, std::string as) { m.add_adapter(std::move(as), config); },
          [config](GPT2<double>& m, std::string as) { m.add_adapter(std::move(as), config); }};
}

/// With the published start.
inline SoloConfig published(SoloConfig config) {
  config.gate_init = 0.1;
  config.init = SoloInit::paper;
  return config;
}

inline std::vector<ConformanceCase> solo_cases() {
  const SoloLinks some = {{0, 1}, {0, 3}, {1, 3}, {3, 4}};
  const SoloLinks with_self = {{4, 4}, {2, 2}, {0, 2}, {1, 4}, {1, 2}};
  return {
      adapter_case("solo", published(SoloConfig{.r = 3})),
      adapter_case("solo stride 1", published(SoloConfig{.r = 3, .stride = 1})),
      adapter_case("solo first 2", published(SoloConfig{.r = 3, .stride = 2, .first = 2})),
      adapter_case("solo wide", published(SoloConfig{.r = 11, .stride = 1})),
      adapter_case("solo last", published(SoloConfig{.r = 2, .links = SoloLinks::last})),
      adapter_case("solo mirror", published(SoloConfig{.r = 2, .links = SoloLinks::mirror})),
      adapter_case("solo self", published(SoloConfig{.r = 2, .links = SoloLinks::self})),
      adapter_case(
          "solo self raw",
          published(SoloConfig{.r = 2, .links = SoloLinks::self, .source = SoloSource::raw})),
      adapter_case("solo list", published(SoloConfig{.r = 2, .links = some})),
      adapter_case("solo list raw",
                   published(SoloConfig{.r = 2, .links = some, .source = SoloSource::raw})),
      adapter_case("solo list with self", published(SoloConfig{.r = 2, .links = with_self})),
      adapter_case("solo list with self raw",
                   published(SoloConfig{.r = 2, .links = with_self, .source = SoloSource::raw})),
      adapter_case("solo identity",
                   SoloConfig{.r = 3, .stride = 1, .gate_init = 0.1, .init = SoloInit::identity}),
      adapter_case("solo own maps",
                   published(SoloConfig{.r = 3, .stride = 1, .share = SoloShare::none})),
      adapter_case("solo frozen factors",
                   published(SoloConfig{.r = 3, .stride = 1, .factors = SoloFactors::frozen})),
      adapter_case("solo frozen down",
                   published(SoloConfig{.r = 3, .stride = 1, .factors = SoloFactors::down_frozen})),
      adapter_case("solo no e, no bias",
                   published(SoloConfig{.r = 3, .stride = 1, .use_e = false, .bias = false})),
      adapter_case("solo no v", SoloConfig{.r = 3,
                                           .stride = 1,
                                           .use_v = false,
                                           .gate = SoloGate::none,
                                           .init = SoloInit::identity}),
      adapter_case("solo clamp", SoloConfig{.r = 3,
                                            .stride = 1,
                                            .gate = SoloGate::clamp,
                                            .gate_init = 0.5,
                                            .init = SoloInit::paper}),
      adapter_case("solo sigmoid",
                   published(SoloConfig{.r = 3, .stride = 1, .gate = SoloGate::sigmoid})),
      adapter_case("solo tanh", published(SoloConfig{.r = 3, .stride = 1, .gate = SoloGate::tanh})),
      adapter_case("solo no gate",
                   published(SoloConfig{.r = 3, .stride = 1, .gate = SoloGate::none})),
      adapter_case("solo global gate",
                   published(SoloConfig{.r = 3, .stride = 1, .gate_scope = SoloGateScope::global})),
      adapter_case("solo gate 1",
                   SoloConfig{.r = 3, .stride = 1, .gate_init = 1.0, .init = SoloInit::identity}),
      adapter_case("solo layer norm",
                   published(SoloConfig{.r = 3, .stride = 1, .norm = SoloNorm::layer_norm})),
      adapter_case("solo everything", published(SoloConfig{.r = 3,
                                                           .links = some,
                                                           .share = SoloShare::none,
                                                           .gate = SoloGate::tanh,
                                                           .norm = SoloNorm::rms_norm,
                                                           .activation = Activation::gelu_new,
                                                           .source = SoloSource::raw,
                                                           .scale = 0.5,
                                                           .dropout = 0.3})),
      adapter_case("solo full", published(SoloConfig{.stride = 1,
                                                     .map = SoloMap::full,
                                                     .activation = Activation::gelu_new,
                                                     .dropout = 0.2})),
      adapter_case("solo full identity", SoloConfig{.stride = 1,
                                                    .share = SoloShare::none,
                                                    .map = SoloMap::full,
                                                    .bias = false,
                                                    .gate_init = 0.1,
                                                    .init = SoloInit::identity,
                                                    .norm = SoloNorm::rms_norm}),
      adapter_case("solo diagonal", published(SoloConfig{.stride = 1, .map = SoloMap::diagonal})),
      adapter_case("solo diagonal norm dropout", published(SoloConfig{.stride = 1,
                                                                      .map = SoloMap::diagonal,
                                                                      .norm = SoloNorm::layer_norm,
                                                                      .dropout = 0.4})),
      adapter_case("solo scalar",
                   SoloConfig{.links = some, .map = SoloMap::scalar, .gate_init = 0.0}),
      adapter_case("solo scalar global", SoloConfig{.stride = 1,
                                                    .map = SoloMap::scalar,
                                                    .gate = SoloGate::tanh,
                                                    .gate_scope = SoloGateScope::global,
                                                    .gate_init = 0.0,
                                                    .norm = SoloNorm::rms_norm,
                                                    .dropout = 0.3}),
      adapter_case("solo taps", published(SoloConfig{.r = 3, .taps = 2})),
      adapter_case("solo taps, list with self",
                   published(SoloConfig{.r = 2, .links = with_self, .taps = 4})),
      adapter_case("solo taps, many",
                   published(SoloConfig{.r = 3, .stride = 1, .first = 1, .taps = 9})),
      adapter_case("solo taps, everything", published(SoloConfig{.r = 3,
                                                                 .links = with_self,
                                                                 .share = SoloShare::none,
                                                                 .taps = 3,
                                                                 .use_e = false,
                                                                 .gate = SoloGate::tanh,
                                                                 .norm = SoloNorm::layer_norm,
                                                                 .activation = Activation::gelu_new,
                                                                 .source = SoloSource::raw,
                                                                 .dropout = 0.3})),
      adapter_case("solo dropout", published(SoloConfig{.r = 3, .stride = 1, .dropout = 0.5})),
  };
}

inline std::vector<ConformanceCase> lora_cases() {
  const ModuleNames everything = {"c_attn", "c_proj", "c_fc"};
  std::vector<ConformanceCase> cases = {
      adapter_case("lora", LoraConfig{.r = 2}),
      adapter_case("lora everywhere, rslora",
                   LoraConfig{.r = 3, .target_modules = everything, .use_rslora = true}),
      adapter_case(
          "lora wide, one layer",
          LoraConfig{.r = 17, .target_modules = {"attn.c_proj"}, .layers_to_transform = {2}}),
      adapter_case("lora dropout",
                   LoraConfig{.r = 2, .lora_dropout = 0.4, .target_modules = {"c_attn", "c_fc"}}),
      adapter_case("lora parts", LoraConfig{.r = 2, .target_modules = {"c_attn.q", "c_attn.v"}}),
      adapter_case("lora parts of some layers",
                   LoraConfig{.r = 2,
                              .lora_dropout = 0.3,
                              .target_modules = {"h.1.attn.c_attn.k", "h.3.attn.c_attn.q",
                                                 "h.3.attn.c_attn.k", "h.3.attn.c_attn.v", "c_fc"},
                              .alpha_pattern = {{"h.3.attn.c_attn", 3}}}),
      adapter_case("lora patterns",
                   LoraConfig{.r = 2,
                              .target_modules = ModuleNames::regex(".*(c_attn|c_fc)"),
                              .rank_pattern = {{"h.1.attn.c_attn", 1}, {"c_attn", 4}},
                              .alpha_pattern = {{"mlp\\.c_fc", 2.5}}}),
      adapter_case("lora biases of its layers",
                   LoraConfig{.r = 2, .target_modules = {"c_proj"}, .bias = LoraBias::lora_only}),
      adapter_case("lora all biases", LoraConfig{.r = 2, .bias = LoraBias::all}),
      adapter_case("lora bias in B", LoraConfig{.r = 2, .lora_dropout = 0.3, .lora_bias = true}),
      adapter_case("lora saved modules", LoraConfig{.r = 2,
                                                    .target_modules = {"c_attn", "c_fc"},
                                                    .bias = LoraBias::all,
                                                    .modules_to_save = {"ln_f", "wpe", "h.1.mlp"}}),
      adapter_case("lora embedding", LoraConfig{.r = 2, .modules_to_save = {"wte"}}),
      adapter_case("lora head", LoraConfig{.r = 2, .modules_to_save = {"lm_head"}}),
      adapter_case("lora embedding and head",
                   LoraConfig{.r = 2, .modules_to_save = {"wte", "lm_head"}}),
      adapter_case("lora tokens",
                   LoraConfig{.r = 2, .trainable_token_indices = {{"wte", {17, 3, 0}}}}),
      adapter_case("lora tokens of the head",
                   LoraConfig{.r = 2, .trainable_token_indices = {{"lm_head", {22, 3}}}}),
      adapter_case("lora tokens apart",
                   LoraConfig{.r = 2,
                              .modules_to_save = {"ln_f"},
                              .trainable_token_indices = {{"wte", {3, 4}}, {"lm_head", {5}}}}),
      adapter_case("lora on the embedding", LoraConfig{.r = 2, .target_modules = {"wte"}}),
      adapter_case("lora on the head",
                   LoraConfig{.r = 2, .lora_dropout = 0.4, .target_modules = {"lm_head"}}),
      adapter_case("lora on both tables and layers",
                   LoraConfig{.r = 3,
                              .lora_dropout = 0.3,
                              .target_modules = {"wte", "lm_head", "c_attn.q", "c_fc"},
                              .use_rslora = true,
                              .rank_pattern = {{"wte", 1}},
                              .bias = LoraBias::all}),
      adapter_case("lora on the embedding, a saved head",
                   LoraConfig{.r = 2, .target_modules = {"wte"}, .modules_to_save = {"lm_head"}}),
      adapter_case("lora on the head, a saved embedding",
                   LoraConfig{.r = 2, .target_modules = {"lm_head"}, .modules_to_save = {"wte"}}),
      adapter_case("lora on the head, tokens",
                   LoraConfig{.r = 2,
                              .target_modules = {"lm_head"},
                              .trainable_token_indices = {{"wte", {17, 3, 0}}}}),
      adapter_case("dora", LoraConfig{.r = 2, .target_modules = everything, .use_dora = true}),
      adapter_case(
          "dora dropout",
          LoraConfig{.r = 2, .lora_dropout = 0.4, .target_modules = everything, .use_dora = true}),
      adapter_case("dora dropout, biases", LoraConfig{.r = 2,
                                                      .lora_dropout = 0.4,
                                                      .layers_to_transform = {1, 2},
                                                      .bias = LoraBias::lora_only,
                                                      .use_dora = true}),
  };
  for (ConformanceCase& c : cases) c.exact = !c.name.starts_with("dora");
  return cases;
}

inline std::vector<ConformanceCase> conformance_cases() {
  std::vector<ConformanceCase> cases = solo_cases();
  for (ConformanceCase& c : lora_cases()) cases.push_back(std::move(c));
  cases.push_back(adapter_case("bitfit", BitFitConfig{}));
  cases.push_back(adapter_case("layer norms", LayerNormConfig{}));
  cases.push_back(
      adapter_case("some layer norms", LayerNormConfig{.target_modules = {"ln_2", "h.3.ln_1"}}));
  cases.push_back({"a user's own",
                   [](GPT2<float>& m, std::string as) {
                     m.add_adapter(std::move(as), std::make_unique<GatedTanh<float>>(m.config()));
                   },
                   [](GPT2<double>& m, std::string as) {
                     m.add_adapter(std::move(as), std::make_unique<GatedTanh<double>>(m.config()));
                   },
                   false});
  return cases;
}

}  // namespace solo::test
