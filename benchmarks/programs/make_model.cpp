// SPDX-License-Identifier: MIT
// Writes a GPT-2 of random weights and without dropout: models of any size for the benchmarks.
#include <solo/nn/gpt2.hpp>

#include "program.hpp"

int main(int argc, char** argv) {
  using namespace solo;
  return benchmarks::run(
      argc, 3, "benchmark_make_model gpt2|gpt2-medium|gpt2-large|gpt2-xl SEED OUTPUT", [&] {
        GPT2Config config = GPT2Config::from_size(argv[1]);
        config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0;
        const auto seed = static_cast<std::uint64_t>(benchmarks::number(argv[2], 0));
        const GPT2<float> model(config, {.seed = seed});
        model.save_pretrained(argv[3]);
      });
}
