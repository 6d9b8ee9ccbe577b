// SPDX-License-Identifier: MIT
/// @file
/// oneDNN's matrix product with packed weights (format_tag::any), the peer of solo_gemm_packed. The
/// weights are reordered once, outside of what is timed. OMP_NUM_THREADS says how many threads.
#include <benchmark/benchmark.h>

#include <dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::memory;

/// Fills a memory object, whatever its layout, from floats in rows.
void fill(memory& target, const std::vector<float>& values, const memory::dims& dims,
          const dnnl::engine& engine, dnnl::stream& stream) {
  std::vector<float> copy = values;
  memory plain({dims, memory::data_type::f32, memory::format_tag::ab}, engine, copy.data());
  dnnl::reorder(plain, target).execute(stream, plain, target);
  stream.wait();
}

std::vector<float> some_values(memory::dim count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i % 13) / 13.0F - 0.5F;
  return values;
}

/// Arguments: M, K, N.
void product(benchmark::State& state, memory::data_type type) {
  const memory::dim m = state.range(0);
  const memory::dim k = state.range(1);
  const memory::dim n = state.range(2);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc source({m, k}, type, memory::format_tag::ab);
  const memory::desc packed({k, n}, type, memory::format_tag::any);
  const memory::desc result({m, n}, memory::data_type::f32, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(source, packed, result),
                                                 engine);
  const dnnl::matmul matmul(description);
  memory a(description.src_desc(), engine);
  memory b(description.weights_desc(), engine);
  memory c(description.dst_desc(), engine);
  fill(a, some_values(m * k), {m, k}, engine, stream);
  fill(b, some_values(k * n), {k, n}, engine, stream);
  const std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
  for (auto _ : state) {
    matmul.execute(stream, arguments);
    stream.wait();
  }
  state.SetLabel(description.impl_info_str());
  state.counters["FLOP/s"] = benchmark::Counter(
      2.0 * static_cast<double>(m * k * n) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void onednn_float32(benchmark::State& state) {
  product(state, memory::data_type::f32);
}

void onednn_bfloat16(benchmark::State& state) {
  product(state, memory::data_type::bf16);
}

BENCHMARK(onednn_float32)->ArgNames({"M", "K", "N"})->Args({1024, 768, 3072})->UseRealTime();
BENCHMARK(onednn_bfloat16)->ArgNames({"M", "K", "N"})->Args({1024, 768, 3072})->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const dnnl_version_t* const version = dnnl_version();
  benchmark::AddCustomContext("onednn", std::to_string(version->major) + "." +
                                            std::to_string(version->minor) + "." +
                                            std::to_string(version->patch));
  benchmark::RunSpecifiedBenchmarks();
}
