// SPDX-License-Identifier: MIT
/// @file
/// Speed of the kernels: matrix products beside Eigen's (compiled for this CPU, in its own file)
/// and attention, with their share of the CPU's peak, and the row kernels, with their share of what
/// the core streams from arrays of that size. CPU figures only mean something as ratios taken in
/// one run; those of one thread are of its CPU time.
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

/// For a kernel that reads and writes `numbers` floats, each of them once: bytes a second, and
/// their share of what this core streams at that size.
void set_bytes(benchmark::State& state, Index numbers) {
  const double all = sizeof(float) * static_cast<double>(numbers * state.iterations());
  const double most = measured_stream(static_cast<std::size_t>(numbers));
  state.counters["B/s"] = benchmark::Counter(all, benchmark::Counter::kIsRate);
  state.counters["of_stream"] = benchmark::Counter(all / most, benchmark::Counter::kIsRate);
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

/// Rows of `cols` numbers for the row kernels; arguments: rows, cols.
struct Rows {
  Index rows;
  Index cols;
  std::vector<float> x = some_values(rows * cols);
  std::vector<float> y = x;
  std::vector<float> dx = x;
  ThreadPool pool{1};

  explicit Rows(const benchmark::State& state) : rows(state.range(0)), cols(state.range(1)) {}
  MatrixView<float> view(std::vector<float>& values) { return {values.data(), rows, cols}; }
};

/// Runs f(rows), which moves each element `times` times.
template <class F>
void run_rows(benchmark::State& state, Index times, const F& f) {
  Rows rows(state);
  for (auto _ : state) {
    f(rows);
    benchmark::ClobberMemory();
  }
  set_bytes(state, times * rows.rows * rows.cols);
}

void gelu_new(benchmark::State& state) {
  run_rows(state, 2, [](Rows& r) {
    ops::activation_forward<float>(r.pool, Activation::gelu_new, r.view(r.x), r.view(r.y));
  });
}

void gelu_new_backward(benchmark::State& state) {
  run_rows(state, 4, [](Rows& r) {
    ops::activation_backward<float>(
        r.pool,
        {.f = Activation::gelu_new, .x = r.view(r.x), .dy = r.view(r.y), .dx = r.view(r.dx)});
  });
}

void dropout(benchmark::State& state) {
  run_rows(state, 2, [](Rows& r) {
    ops::dropout<float>(r.pool, {.x = r.view(r.x), .p = 0.1, .y = r.view(r.y)});
  });
}

void add_scaled(benchmark::State& state) {
  run_rows(state, 3,
           [](Rows& r) { ops::add_scaled<float>(r.pool, 0.5F, r.view(r.x), r.view(r.y)); });
}

void norm(benchmark::State& state) {
  const std::vector<float> weight = some_values(state.range(1));
  run_rows(state, 2, [&](Rows& r) {
    ops::norm_forward<float>(
        r.pool,
        {.x = r.view(r.x), .weight = weight.data(), .bias = weight.data(), .y = r.view(r.y)});
  });
}

/// With `parameters`, also dweight and dbias.
void norm_backward(benchmark::State& state, bool parameters) {
  const std::vector<float> weight = some_values(state.range(1));
  const std::vector<float> mean(static_cast<std::size_t>(state.range(0)), 0.0F);
  const std::vector<float> rstd(mean.size(), 3.0F);
  std::vector<float> gradient(weight.size());
  run_rows(state, parameters ? 6 : 4, [&](Rows& r) {
    ops::norm_backward<float>(r.pool, {.dy = r.view(r.y),
                                       .x = r.view(r.x),
                                       .weight = weight.data(),
                                       .mean = mean.data(),
                                       .rstd = rstd.data(),
                                       .dx = r.view(r.dx),
                                       .dweight = parameters ? gradient.data() : nullptr,
                                       .dbias = parameters ? gradient.data() : nullptr});
  });
}

/// The softmax of logits and its gradient read and write them twice.
void cross_entropy(benchmark::State& state) {
  const std::vector<int> targets(static_cast<std::size_t>(state.range(0)), 7);
  std::vector<double> losses(targets.size());
  run_rows(state, 4, [&](Rows& r) {
    ops::cross_entropy<float>(
        r.pool,
        {.logits = r.view(r.x), .targets = targets, .gradient = true, .losses = losses.data()});
  });
}

void embedding(benchmark::State& state) {
  const Index vocabulary = 5000;
  const std::vector<float> table = some_values(vocabulary * state.range(1));
  std::vector<int> ids;
  std::vector<Index> positions;
  for (int i = 0; i < static_cast<int>(state.range(0)); ++i) {
    ids.push_back(i * 977 % 5000);
    positions.push_back(i);
  }
  const ConstMatrixView<float> weights(table.data(), vocabulary, state.range(1));
  run_rows(state, 3, [&](Rows& r) {
    ops::embedding_forward<float>(
        r.pool,
        {.ids = ids, .positions = positions, .wte = weights, .wpe = weights, .out = r.view(r.y)});
  });
}

void adamw(benchmark::State& state) {
  std::vector<float> m(static_cast<std::size_t>(state.range(0) * state.range(1)));
  std::vector<float> v(m.size());
  run_rows(state, 7, [&](Rows& r) {
    adamw_update<float>(r.pool, {.value = r.x, .gradient = r.y, .m = m, .v = v});
  });
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
    ->ArgsProduct({{32}, {16}, {1}, {0, 1}})
    ->ArgsProduct({{64}, {8}, {1}, {0, 1}})
    ->ArgsProduct({{512, 1024}, {1}, {1}, {0, 1}});
BENCHMARK(attention)
    ->Name("attention_two_threads")
    ->ArgNames({"length", "segments", "threads", "backward"})
    ->ArgsProduct({{512}, {1}, {2}, {0, 1}})
    ->UseRealTime();
BENCHMARK(gelu_new)->Args({64, 3072});
BENCHMARK(gelu_new_backward)->Args({64, 3072});
BENCHMARK(dropout)->Args({64, 768});
BENCHMARK(add_scaled)->Args({64, 768});
BENCHMARK(norm)->Args({64, 768});
BENCHMARK_CAPTURE(norm_backward, rows, false)->Args({64, 768});
BENCHMARK_CAPTURE(norm_backward, rows_and_parameters, true)->Args({64, 768});
BENCHMARK(cross_entropy)->Args({4, 50257});
BENCHMARK(embedding)->Args({64, 768});
BENCHMARK(adamw)->Args({100, 1000})->Args({4000, 1000});

}  // namespace

BENCHMARK_MAIN();
