// SPDX-License-Identifier: MIT
/// @file
/// What the machine can do at most: multiply-adds in registers (float, bfloat16 pairs) and reading
/// memory, on one thread and on two. The shares of the peak in the reports are of these.
#include "native/limits.hpp"

#include <benchmark/benchmark.h>

#include <vector>

namespace {

void rounds(benchmark::State& state, double (*round)()) {
  double operations = 0.0;
  for (auto _ : state) {
    const double done = round();
    operations += done;
    if (done == 0.0) state.SkipWithError("this CPU has no such instruction");
  }
  state.counters["FLOP/s"] = benchmark::Counter(operations, benchmark::Counter::kIsRate);
}

void peak_float32(benchmark::State& state) {
  rounds(state, peak_round);
}

void peak_bfloat16(benchmark::State& state) {
  rounds(state, peak_bfloat16_round);
}

/// Each thread reads its part of 1 GiB, more than any cache.
void memory_read(benchmark::State& state) {
  static const std::vector<float> values(std::size_t{1} << 28, 1.0F);
  const std::size_t part = values.size() / static_cast<std::size_t>(state.threads());
  const float* const mine = values.data() + part * static_cast<std::size_t>(state.thread_index());
  for (auto _ : state) benchmark::DoNotOptimize(read_memory(mine, part));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(part * sizeof(float)));
}

BENCHMARK(peak_float32)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(peak_bfloat16)->Threads(1)->Threads(2)->UseRealTime();
BENCHMARK(memory_read)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
