// SPDX-License-Identifier: MIT
#include <solo/optim/param_groups.hpp>

#include "support/catch.hpp"

#include <cmath>

TEST_CASE("what decays in the Hugging Face Trainer", "[optim]") {
  for (const char* name : {"wte.weight", "wpe.weight", "h.0.attn.c_attn.weight", "lm_head.weight",
                           "base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
                           "h.0.mlp.c_fc.lora_magnitude_vector", "solo.links.2-4.gate",
                           "solo.links.2-4.v", "solo.maps.0.down.weight", "normal.weight"}) {
    CAPTURE(name);
    CHECK(solo::has_weight_decay(name));
  }
  for (const char* name :
       {"h.0.ln_1.weight", "h.11.ln_2.weight", "ln_f.weight", "ln_f.bias",
        "base_model.model.transformer.h.0.ln_1.ln_tuning_layers.weight", "h.0.attn.c_attn.bias",
        "solo.maps.0.down.bias", "h.0.attn.c_attn.lora_B.bias", "h.0.attn.c_attn.base_layer.bias",
        "my.Bias_vector", "a.norm.weight", "a.post_norm.weight", "LayerNorm.weight", "norm"}) {
    CAPTURE(name);
    CHECK_FALSE(solo::has_weight_decay(name));
  }
}

TEST_CASE("the kind of a tensor", "[optim]") {
  CHECK(solo::tensor_kind("h.0.attn.c_attn.lora_A.weight") == "lora_A");
  CHECK(solo::tensor_kind("h.0.attn.c_attn.lora_B.bias") == "lora_B");
  CHECK(solo::tensor_kind("solo.links.2-4.gate") == "gate");
  CHECK(solo::tensor_kind("solo.maps.0.down.bias") == "down");
  CHECK(solo::tensor_kind("e") == "e");
  CHECK(solo::tensor_kind("down.weight") == "down");
  CHECK(solo::tensor_kind("weight") == "weight");
  CHECK(solo::tensor_kind("").empty());
}

TEST_CASE("parameter groups", "[optim]") {
  solo::Parameter<float> a("solo.maps.0.down.weight", {1});
  solo::Parameter<float> b("solo.maps.0.down.bias", {1});
  solo::Parameter<float> c("solo.links.2-4.gate", {1});
  solo::Parameter<float> d("solo.maps.0.up.weight", {1});
  const std::vector<solo::Parameter<float>*> all = {&a, &b, &c, &d};

  const auto groups = solo::make_param_groups(
      all, {.weight_decay = 0.1, .lr_multipliers = {{"gate", 5.0}, {"down", 2.0}}});
  REQUIRE(groups.size() == 4);
  CHECK(groups[0].parameters == std::vector<solo::Parameter<float>*>{&a});
  CHECK(groups[0].weight_decay == 0.1);
  CHECK(groups[0].lr_multiplier == 2.0);
  CHECK(groups[1].parameters == std::vector<solo::Parameter<float>*>{&b});
  CHECK(groups[1].weight_decay == 0.0);
  CHECK(groups[1].lr_multiplier == 2.0);
  CHECK(groups[2].lr_multiplier == 5.0);
  CHECK(groups[3].lr_multiplier == 1.0);
  CHECK(groups[3].weight_decay == 0.1);

  const auto plain = solo::make_param_groups(all);
  REQUIRE(plain.size() == 1);
  CHECK(plain[0].parameters == all);
}

TEST_CASE("parameter groups refuse multipliers that act on nothing and numbers out of range",
          "[optim]") {
  solo::Parameter<float> a("solo.links.2-4.gate", {1});
  const auto refused = [&](const solo::ParamGroupOptions& options) {
    try {
      static_cast<void>(solo::make_param_groups<float>({&a}, options));
    } catch (const solo::ConfigError& error) {
      return std::string(error.id()) + ": " + error.what();
    }
    return std::string("accepted");
  };
  CHECK(refused({.lr_multipliers = {{"gate", 0.0}}}) == "accepted");
  CHECK(refused({.lr_multipliers = {{"lora_A", 2.0}}}) ==
        "optim.multiplier: lr_multiplier 'lora_A': no tensor of this kind is trained");
  CHECK(refused({.lr_multipliers = {{"gate", -2.0}}}) ==
        "config.range: lr_multiplier 'gate': expected a finite number of at least 0, found -2");
  CHECK(refused({.weight_decay = std::nan("")}) ==
        "config.range: weight_decay: expected a finite number of at least 0, found nan");
}
