// SPDX-License-Identifier: MIT
// Section 6: errors.
#include <solo/solo.hpp>

#include "support.hpp"

#include <iostream>

using solo::test::require;

int main() {
  auto model = solo::GPT2<float>::from_pretrained(solo::test::model_dir());
  const solo::Matrix<float> before = model.logits({1, 2, 3});
  try {
    model.add_adapter("dead", solo::SoloConfig{.r = 4, .gate_init = 0.0});
    require(false, "a dead configuration is refused");
  } catch (const solo::ConfigError& e) {
    std::cout << e.id() << ": " << e.what() << '\n';
    require(!e.id().empty(), "an id");
  }
  require(model.adapter_names().empty(), "a failed call leaves the model as it was");
  require(model.logits({1, 2, 3}) == before, "bit for bit");
  bool caught = false;
  try {
    (void)solo::GPT2<float>::from_pretrained("no/such/folder");
  } catch (const solo::Error& e) {
    caught = std::string(e.what()).find("no/such/folder") != std::string::npos;
  }
  require(caught, "the message names the file");
}
