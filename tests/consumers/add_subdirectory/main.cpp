// SPDX-License-Identifier: MIT
/// @file
/// What a user's program may look like: a small random model and its logits.
#include <solo/solo.hpp>

#include <iostream>
#include <vector>

int main() {
  const solo::GPT2<float> model(
      {.vocab_size = 11, .n_positions = 8, .n_embd = 8, .n_layer = 2, .n_head = 2});
  const std::vector<int> ids = {1, 2, 3};
  const solo::Matrix<float> logits = model.logits(ids);
  std::cout << logits << '\n';
  return logits.rows() == 3 && logits.cols() == 11 && logits.allFinite() ? 0 : 1;
}
