// SPDX-License-Identifier: MIT
// Continues prompts, greedily (1 beam) or by beams, without an end token. Prints the seconds of
// each repetition and the ids as JSON. PROMPTS is a JSON file with a list of lists of ids.
#include <solo/generate/generate.hpp>

#include "program.hpp"

int main(int argc, char** argv) {
  using namespace solo;
  const char* const usage =
      "benchmark_decode MODEL float32|bfloat16 THREADS BEAMS NEW_TOKENS REPETITIONS PROMPTS";
  return benchmarks::run(argc, 7, usage, [&] {
    const auto model = GPT2<float>::from_pretrained(
        argv[1], {.threads = static_cast<int>(benchmarks::number(argv[3], 0)),
                  .frozen_dtype = benchmarks::frozen_dtype(argv[2])});
    const auto prompts = read_json_file(argv[7]).get<std::vector<std::vector<int>>>();
    GenerateOptions options{
        .max_new_tokens = 4, .num_beams = benchmarks::number(argv[4], 1), .eos_token_id = -1};
    (void)generate_ids(model, prompts, options);  // what only a first call does is not timed
    options.max_new_tokens = benchmarks::number(argv[5], 1);
    std::vector<double> seconds;
    std::vector<std::vector<int>> ids;
    for (std::int64_t i = benchmarks::number(argv[6], 1); i > 0; --i) {
      const benchmarks::Stopwatch watch;
      ids = generate_ids(model, prompts, options);
      seconds.push_back(watch.seconds());
    }
    const Json result = {{"seconds", seconds}, {"ids", ids}};
    std::cout << result.dump() << '\n';
  });
}
