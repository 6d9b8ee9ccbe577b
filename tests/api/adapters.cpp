// SPDX-License-Identifier: MIT
// Section 2: several adapters on one model.
#include <solo/solo.hpp>

#include "support.hpp"
#include "support/temp_dir.hpp"

#include <iostream>
#include <vector>

using solo::test::require;

int main() {
  const solo::test::TempDir temp;
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  const auto tokenizer = solo::Tokenizer::from_pretrained(solo::test::tokenizer_dir());
  const std::vector<int> ids = {5, 6, 7, 8};
  const solo::Matrix<float> base = model.logits(ids);
  {
    auto maker = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
    maker.add_adapter("hotel", solo::LoraConfig{.r = 4, .init_lora_weights = false});
    maker.add_adapter("laptop", solo::SoloConfig{.r = 4, .init = solo::SoloInit::paper});
    for (solo::Parameter<float>* p : maker.adapter("laptop").parameters()) {
      if (p->name().ends_with(".v")) p->value().fill(0.5F);
    }
    maker.save_adapter("hotel", temp.path() / "hotel");
    maker.save_adapter("laptop", temp.path() / "laptop");
  }

  model.load_adapter("hotel", temp.path() / "hotel");
  model.load_adapter("laptop", temp.path() / "laptop");
  model.set_adapter("hotel");
  const solo::Matrix<float> hotel = model.logits(ids);
  const solo::Matrix<float> laptop = model.logits(ids, {.adapter = "laptop"});
  require(hotel != base && laptop != base && hotel != laptop, "each adapter changes the logits");
  const auto a = solo::generate(model, tokenizer, "The", {.adapter = "laptop"});
  std::cout << a << '\n';

  model.disable_adapters();
  require(model.logits(ids) == base, "disabled adapters leave the base, bit for bit");
  model.enable_adapters();
  require(model.logits(ids) == hotel, "enabled again");

  const float worst = model.merge_adapter("hotel");
  require(worst >= 0.0F && worst < 1e-3F, "merging changes little");
  model.unmerge_adapter("hotel");
  require(model.logits(ids) == hotel, "unmerging restores every bit");

  std::size_t count = 0;
  for (const std::string& name : model.adapter_names()) {
    std::cout << name << ' ' << model.trainable_parameter_count(name) << '\n';
    ++count;
  }
  require(count == 2, "two adapters");
}
