// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/modules.hpp>
#include <solo/autograd/lm_loss.hpp>
#include <solo/kernels/packed_matrix.hpp>
#include <solo/train/memory_forecast.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Code, libraries and the kernels' buffers, as measured.
inline constexpr Index kProgramBytes = Index{16} << 20;

/// The block of a tensor, "….h.3.attn.c_attn.lora_A.weight"; nothing for one outside the blocks.
[[nodiscard]] inline std::optional<Index> block_of(std::string_view name) {
  std::size_t at = name.find(".h.");
  at = name.starts_with("h.") ? 2 : at == std::string_view::npos ? at : at + 3;
  if (at == std::string_view::npos) return std::nullopt;
  Index block = 0;
  const auto [end, error] = std::from_chars(name.data() + at, name.data() + name.size(), block);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return block;
}

/// Bytes of the base's tensors: as PackedMatrix has them, or plain.
[[nodiscard]] inline Index base_bytes(const GPT2Config& base, bool packed, bool half) {
  CheckedIndex bytes = 0;
  for (const BaseTensor& t : base_tensors(base)) {
    if (t.module == "lm_head" && base.tie_word_embeddings) continue;
    const bool table = t.module == "lm_head" || t.module.ends_with(".wte");
    if (!packed || t.shape.size() != 2 || t.module.ends_with(".wpe")) {
      bytes += checked_product(Tensor<float>::count(t.shape), 4);
      continue;
    }
    const Index depth = table ? t.shape[1] : t.shape[0];
    const Index cols = table ? t.shape[0] : t.shape[1];
    bytes += checked_product(packed_elements(depth, cols, half), half ? 2 : 4);
  }
  return bytes.value();
}

SOLO_INLINE MethodFootprint tensor_footprint(std::span<const AdapterTensor> tensors,
                                             const GPT2Config& base) {
  MethodFootprint result;
  result.columns.assign(static_cast<std::size_t>(base.n_layer), 0);
  result.t_star = base.n_layer;
  for (const AdapterTensor& t : tensors) {
    const std::string_view name = t.name;
    const auto has = [name](std::string_view part) { return name.find(part) != name.npos; };
    const Index count = Tensor<float>::count(t.shape);
    result.adapter = checked_sum(result.adapter, count);
    // Of the embedding's factor a token takes one column.
    const Index used = has("lora_embedding_A") ? t.shape[0] : count;
    result.multiplies = checked_sum(result.multiplies, used);
    if (!t.trainable) continue;
    const std::optional<Index> block = block_of(name);
    if (!block || *block < 0 || *block >= base.n_layer) {
      if (has("wte") || has("wpe")) result.t_star = 0;
      if (has("lora_embedding_A")) result.table_columns += t.shape[0];
      if (has("lm_head.lora_A")) result.table_columns += 2 * t.shape[0];  // and its gradient
      if (has("lm_head.lora_B")) result.head_factor = Tensor<float>::count(t.shape);
      continue;
    }
    result.t_star = std::min(result.t_star, *block);
    Index& columns = result.columns[static_cast<std::size_t>(*block)];
    const bool factor = has("lora_A");
    if (factor) columns += t.shape[0];                        // x · A
    if (has("lora_magnitude_vector")) columns += t.shape[0];  // what the magnitude multiplies
    const bool reads_input = factor || (t.shape.size() == 2 && !has("lora_B"));
    if (reads_input && has("attn.c_proj")) columns += base.n_embd;
    if (reads_input && has("mlp.c_proj")) result.inner_restored = true;
  }
  return result;
}

SOLO_INLINE void add_links(MethodFootprint& footprint, const SoloConfig& config,
                           const GPT2Config& base) {
  footprint.t_star = config.lowest_destination(base.n_layer);
  const CheckedIndex inner =
      config.map == SoloMap::low_rank ? 2 * CheckedIndex(config.r) : CheckedIndex(base.n_embd);
  const std::vector<Link> links = config.link_list(base.n_layer);
  std::vector<int> sources;
  for (const Link& link : links) {
    // Before the gate, and between down and up.
    footprint.link_columns = (footprint.link_columns + inner + base.n_embd).value();
    if (link.src < footprint.t_star) sources.push_back(link.src);
  }
  if (config.share == SoloShare::all) {  // one pair of maps, used by each link
    const Index others = static_cast<Index>(links.size()) - 1;
    for (const AdapterTensor& t : config.tensors(base)) {
      if (!t.name.starts_with("maps.")) continue;
      const Index again = checked_product(others, Tensor<float>::count(t.shape));
      footprint.multiplies = checked_sum(footprint.multiplies, again);
    }
  }
  std::sort(sources.begin(), sources.end());
  footprint.sources = std::unique(sources.begin(), sources.end()) - sources.begin();
}

}  // namespace detail

SOLO_INLINE MethodFootprint full_footprint(const GPT2Config& base) {
  return {.trainable = base.parameter_count(),
          .base_trains = true,
          .inner_restored = true,
          .columns = std::vector<Index>(static_cast<std::size_t>(base.n_layer), base.n_embd)};
}

SOLO_INLINE MemoryForecast forecast_memory(const GPT2Config& base, const MethodFootprint& method,
                                           const StepShape& step) {
  const CheckedIndex width = base.n_embd;
  const CheckedIndex inner = base.inner();
  const Index rows = checked_product(step.batch_size, step.sequence_length);
  const Index recorded = base.n_layer - method.t_star;
  // A recorded block keeps its input, q | k | v, the middle of the residual stream, the MLP's inner
  // row before the activation, and the log-sum-exps. Its backward pass begins with the gradients of
  // its output, of the middle and of the inner row.
  const CheckedIndex block = 5 * width + inner + base.n_head;
  const CheckedIndex backward = 2 * width + inner + (method.inner_restored ? inner : 0);
  // ln_f's input, output, its gradient.
  const CheckedIndex loss = 3 * width + method.table_columns;
  const CheckedIndex frozen_block = 3 * width + 2 * inner;  // while the MLP of the prefix runs
  const CheckedIndex sources = method.sources * width;
  CheckedIndex columns = 0;
  CheckedIndex most = 0;
  for (const Index extra : method.columns) {
    columns += extra;
    most = std::max<CheckedIndex>(most, extra);
  }
  const CheckedIndex chunk =
      checked_product(detail::loss_chunk_rows(rows, base.vocab_size), base.vocab_size) +
      CheckedIndex(method.head_factor);
  CheckedIndex elements = 0;
  if (step.gradient_checkpointing) {
    const CheckedIndex outside = recorded * width + sources;
    const CheckedIndex inside = recorded == 0 ? width + 2 * inner : block + most + backward;
    elements =
        std::max(rows * (outside + loss) + chunk, rows * (outside + 2 * width)) + rows * inside;
  } else {
    const CheckedIndex kept = recorded * block + columns + sources + method.link_columns;
    elements = std::max(
        {rows * (kept + loss) + chunk, rows * (kept + backward), rows * (sources + frozen_block)});
  }
  const bool half = step.frozen_dtype == DType::bfloat16;
  const CheckedIndex weights = detail::base_bytes(base, !method.base_trains, half);
  return {.weights = (weights + 4 * CheckedIndex(method.adapter)).value(),
          .gradients = checked_product(method.trainable, 4),
          .optimizer = checked_product(method.trainable, 8),
          .activations = checked_product(elements.value(), 4),
          .program = detail::kProgramBytes};
}

}  // namespace solo::inline SOLO_ABI
