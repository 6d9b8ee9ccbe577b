// SPDX-License-Identifier: MIT
// Results of the library live and die in the user's program.
#include <solo/core/eigen.hpp>
#include <solo/nn/gpt2.hpp>

int main() {
  const solo::GPT2<float> model(
      {.vocab_size = 11, .n_positions = 8, .n_embd = 8, .n_layer = 1, .n_head = 2}, {.threads = 1});
  solo::Matrix<float> kept;
  for (int i = 1; i < 9; ++i) {
    const solo::Matrix<float> logits =
        model.logits(std::vector<int>(static_cast<std::size_t>(i), 3));
    if (logits.rows() != i || logits.cols() != 11 || !logits.allFinite()) return 1;
    kept = logits;
  }
  kept.resize(100, 100);
}
