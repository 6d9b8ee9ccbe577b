// SPDX-License-Identifier: MIT
// Loads a model folder until it is ready to run, then computes the logits of one token: what
// loading put off would show there. Prints the seconds of both as JSON.
#include <solo/nn/gpt2.hpp>

#include "program.hpp"

int main(int argc, char** argv) {
  using namespace solo;
  return benchmarks::run(argc, 3, "benchmark_load MODEL float32|bfloat16 THREADS", [&] {
    const ModelOptions options{.threads = static_cast<int>(benchmarks::number(argv[3], 0)),
                               .frozen_dtype = benchmarks::frozen_dtype(argv[2])};
    const benchmarks::Stopwatch loading;
    const auto model = GPT2<float>::from_pretrained(argv[1], options);
    const double loaded = loading.seconds();
    const benchmarks::Stopwatch computing;
    const float first = model.logits({0})(0, 0);
    const Json result = {
        {"seconds", loaded}, {"first_logits_seconds", computing.seconds()}, {"first_logit", first}};
    std::cout << result.dump() << '\n';
  });
}
