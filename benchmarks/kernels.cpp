// SPDX-License-Identifier: MIT
/// @file
/// Speed of the kernels: matrix products beside Eigen's (compiled for this CPU, in its own file)
/// and beside the CPU's peak, and the row kernels. CPU figures only mean something as ratios taken
/// in one run on a quiet machine.
#include <solo/kernels/kernels.hpp>
#include <solo/ops/ops.hpp>

#include "native/eigen_native.hpp"
#include "native/limits.hpp"

#include <benchmark/benchmark.h>

#include <vector>

namespace {

using namespace solo;

std::vector<float> some_values(Index count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  const Philox random(1);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = random.uniform(i) - 0.5F;
  return values;
}

/// FLOP/s, and their share of what `threads` cores can do, measured next to it.
void set_rate(benchmark::State& state, double operations, std::int64_t threads = 1,
              double (*peak_of)() = peak_round) {
  const double all = operations * static_cast<double>(state.iterations());
  state.counters["FLOP/s"] = benchmark::Counter(all, benchmark::Counter::kIsRate);
  const double peak = measured_peak(peak_of) * static_cast<double>(threads);
  if (peak > 0.0) {
    state.counters["of_peak"] = benchmark::Counter(all / peak, benchmark::Counter::kIsRate);
  }
}

/// Arguments: M, K, N, threads, b transposed (stored as (N, K)).
void solo_gemm(benchmark::State& state) {
  const Index m = state.range(0);
  const Index k = state.range(1);
  const Index n = state.range(2);
  const bool transposed = state.range(4) != 0;
  ThreadPool pool(static_cast<int>(state.range(3)));
  const std::vector<float> a = some_values(m * k);
  const std::vector<float> b = some_values(k * n);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  const ConstMatrixView<float> stored(b.data(), transposed ? n : k, transposed ? k : n);
  const Operand<float> right =
      transposed ? Operand<float>(stored).transposed() : Operand<float>(stored);
  for (auto _ : state) {
    gemm<float>(pool,
                {.a = ConstMatrixView<float>(a.data(), m, k), .b = right, .c = {c.data(), m, n}});
    benchmark::ClobberMemory();
  }
  set_rate(state, 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n),
           state.range(3));
  state.SetBytesProcessed(state.iterations() * k * n * std::int64_t{sizeof(float)});  // b alone
}

/// Arguments: M, K, N, threads. The weights packed once, as frozen ones are.
void packed_gemm(benchmark::State& state, bool as_bfloat16) {
  const Index m = state.range(0);
  const Index k = state.range(1);
  const Index n = state.range(2);
  ThreadPool pool(static_cast<int>(state.range(3)));
  const std::vector<float> a = some_values(m * k);
  const std::vector<float> b = some_values(k * n);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  PackedMatrix<float> packed(k, n, as_bfloat16);
  packed.set_rows(0, {b.data(), k, n});
  for (auto _ : state) {
    gemm<float>(pool, {.a = ConstMatrixView<float>(a.data(), m, k),
                       .b = packed.operand(),
                       .c = {c.data(), m, n}});
    benchmark::ClobberMemory();
  }
  set_rate(state, 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n),
           state.range(3), as_bfloat16 ? peak_bfloat16_round : peak_round);
  state.SetBytesProcessed(state.iterations() * packed.bytes());  // b alone
}

void solo_gemm_packed_float32(benchmark::State& state) {
  packed_gemm(state, false);
}

void solo_gemm_packed_bfloat16(benchmark::State& state) {
  packed_gemm(state, true);
}

/// The shapes of a training step and of decoding, on one thread and on two.
void packed_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"M", "K", "N", "threads"})->UseRealTime();
  for (const std::int64_t threads : {1, 2}) {
    b->Args({1024, 768, 3072, threads});
    b->Args({530, 768, 2304, threads});
    b->Args({1, 768, 3072, threads});
    b->Args({10, 768, 3072, threads});
    b->Args({1, 768, 50257, threads});
  }
}

void eigen_gemm(benchmark::State& state) {
  const Index m = state.range(0);
  const Index k = state.range(1);
  const Index n = state.range(2);
  const std::vector<float> a = some_values(m * k);
  const std::vector<float> b = some_values(k * n);
  std::vector<float> c(static_cast<std::size_t>(m * n));
  for (auto _ : state) {
    eigen_native_product(a.data(), b.data(), c.data(), m, k, n);
    benchmark::ClobberMemory();
  }
  set_rate(state, 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n));
}

/// Arguments: tokens a segment, segments, threads, backward too.
void attention(benchmark::State& state) {
  const Index length = state.range(0);
  const Index count = state.range(1);
  ThreadPool pool(static_cast<int>(state.range(2)));
  const bool backward = state.range(3) != 0;
  const Index rows = length * count;
  const std::vector<float> qkv = some_values(rows * 3 * 768);
  std::vector<float> out(static_cast<std::size_t>(rows * 768));
  std::vector<float> lse(static_cast<std::size_t>(rows * 12));
  std::vector<float> dqkv(qkv.size());
  std::vector<Segment> segments;
  for (Index s = 0; s < count; ++s) segments.push_back({.begin = s * length, .length = length});
  const ops::AttentionShape<float> shape{
      .qkv = {qkv.data(), rows, 3 * 768}, .segments = segments, .heads = 12, .scale = 0.125};
  for (auto _ : state) {
    ops::attention_forward<float>(pool, shape, {out.data(), rows, 768}, lse.data());
    if (backward) {
      ops::attention_backward<float>(pool, shape,
                                     {.dout = {out.data(), rows, 768},
                                      .lse = lse.data(),
                                      .dqkv = {dqkv.data(), rows, 3 * 768}});
    }
    benchmark::ClobberMemory();
  }
  const double pairs = static_cast<double>(length) * static_cast<double>(length + 1) / 2.0;
  set_rate(state, (backward ? 14.0 : 4.0) * 768.0 * pairs * static_cast<double>(count),
           state.range(2));
}

void gelu_new(benchmark::State& state) {
  ThreadPool pool(1);
  const std::vector<float> x = some_values(64 * 3072);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    ops::activation_forward<float>(pool, Activation::gelu_new, {x.data(), 64, 3072},
                                   {y.data(), 64, 3072});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 64 * 3072);
}

void dropout(benchmark::State& state) {
  ThreadPool pool(1);
  const std::vector<float> x = some_values(64 * 768);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    ops::dropout<float>(pool, {.x = {x.data(), 64, 768}, .p = 0.1, .y = {y.data(), 64, 768}});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 64 * 768);
}

void norm(benchmark::State& state) {
  ThreadPool pool(1);
  const std::vector<float> x = some_values(64 * 768);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    ops::norm_forward<float>(pool, {.x = {x.data(), 64, 768}, .y = {y.data(), 64, 768}});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 64 * 768);
}

void cross_entropy(benchmark::State& state) {
  ThreadPool pool(1);
  const Index vocabulary = 50257;
  std::vector<float> logits = some_values(8 * vocabulary);
  const std::vector<int> targets = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<double> losses(8);
  for (auto _ : state) {
    ops::cross_entropy<float>(pool, {.logits = {logits.data(), 8, vocabulary},
                                     .targets = targets,
                                     .gradient = true,
                                     .losses = losses.data()});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 8 * vocabulary);
}

void adamw(benchmark::State& state) {
  ThreadPool pool(1);
  std::vector<float> value = some_values(100000);
  const std::vector<float> gradient = value;
  std::vector<float> m(value.size());
  std::vector<float> v(value.size());
  for (auto _ : state) {
    adamw_update<float>(pool, {.value = value, .gradient = gradient, .m = m, .v = v});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * 100000);
}

BENCHMARK(solo_gemm)
    ->ArgNames({"M", "K", "N", "threads", "transposed"})
    ->Args({1024, 768, 3072, 1, 0})
    ->Args({530, 768, 2304, 1, 0})
    ->Args({530, 2304, 768, 1, 1})
    ->Args({530, 3072, 768, 1, 0})
    ->Args({128, 768, 50257, 1, 1})
    ->Args({128, 50257, 768, 1, 0})
    ->Args({530, 768, 8, 1, 0})
    ->Args({1, 768, 3072, 1, 0})
    ->Args({1, 768, 50257, 1, 1})
    ->Args({4, 768, 3072, 1, 0})
    ->Args({8, 768, 3072, 1, 0});
BENCHMARK(solo_gemm)
    ->Name("solo_gemm_two_threads")
    ->ArgNames({"M", "K", "N", "threads", "transposed"})
    ->Args({1024, 768, 3072, 2, 0})
    ->Args({530, 768, 2304, 2, 0})
    ->Args({530, 768, 8, 2, 0})
    ->UseRealTime();
BENCHMARK(solo_gemm_packed_float32)->Apply(packed_shapes);
BENCHMARK(solo_gemm_packed_bfloat16)->Apply(packed_shapes);
BENCHMARK(eigen_gemm)
    ->ArgNames({"M", "K", "N"})
    ->Args({1024, 768, 3072})
    ->Args({530, 768, 2304})
    ->Args({530, 768, 8})
    ->Args({1, 768, 3072});
BENCHMARK(attention)
    ->ArgNames({"length", "segments", "threads", "backward"})
    ->Args({64, 8, 1, 0})
    ->Args({512, 1, 1, 0})
    ->Args({512, 1, 2, 0})
    ->Args({64, 8, 1, 1})
    ->Args({512, 1, 1, 1})
    ->UseRealTime();
BENCHMARK(gelu_new);
BENCHMARK(dropout);
BENCHMARK(norm);
BENCHMARK(cross_entropy);
BENCHMARK(adamw);

}  // namespace

BENCHMARK_MAIN();
