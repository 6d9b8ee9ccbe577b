// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/base_copy.hpp>
#include <solo/adapters/lora/adapter.hpp>
#include <solo/adapters/lora/peft_form.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Uniform in ±1/√fan_in, torch's way to start a linear layer.
template <Scalar T>
void fill_uniform(Tensor<T>& tensor, Index fan_in, const Philox& random) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  for (Index i = 0; i < tensor.size(); ++i) {
    const double u = random.uniform(static_cast<std::uint64_t>(i));
    tensor.data()[i] = static_cast<T>(bound * (2.0 * u - 1.0));
  }
}

/// N(0, 1), torch's way to start an embedding.
template <Scalar T>
void fill_normal(Tensor<T>& tensor, const Philox& random) {
  for (Index i = 0; i < tensor.size(); ++i) {
    tensor.data()[i] = static_cast<T>(random.normal(static_cast<std::uint64_t>(i)));
  }
}

}  // namespace detail

template <Scalar T>
LoraAdapter<T>::Layer::Layer(const detail::LoraSite& site, const LoraConfig& config)
    : plan(site),
      a(site.a_name(), {site.total_rank(), site.in}),
      b(site.b_name(), {site.b_rows(), site.rank}) {
  const auto vector = [&site](std::string_view name) {
    return std::make_unique<Parameter<T>>(concat(site.module, name), std::vector<Index>{site.out});
  };
  if (config.lora_bias) bias = vector(".lora_B.bias");
  if (config.use_dora) magnitude = vector(".lora_magnitude_vector");
  table_update = {.base = site.table,
                  .a = &a,
                  .b = &b,
                  .scale = site.scale,
                  .dropout = config.lora_dropout,
                  .site = kAdapterSites + static_cast<std::uint32_t>(site.number)};
}

template <Scalar T>
void LoraAdapter<T>::Layer::initialise(const LoraConfig& config, const GPT2<T>& model) {
  constexpr std::uint64_t kStream = std::uint64_t{1} << 32U;  // apart from random base weights
  const bool first = config.equal_init && plan.table.empty();
  const int drawn = first ? LinearSite{0, plan.site.kind}.index() : plan.number;
  const auto stream = kStream + 2 * static_cast<std::uint64_t>(drawn);
  if (plan.is_embedding()) {  // the other way round: a token's column of A trains when it is seen
    if (!config.init_lora_weights) detail::fill_normal(a.value(), Philox(config.seed, stream));
    detail::fill_normal(b.value(), Philox(config.seed, stream + 1));
    return;
  }
  detail::fill_uniform(a.value(), plan.in, Philox(config.seed, stream));
  if (!config.init_lora_weights) {
    detail::fill_uniform(b.value(), plan.rank, Philox(config.seed, stream + 1));
  }
  if (!magnitude) return;
  const Parameter<T>& weight = detail::base_parameter(model, plan.site.name() + ".weight");
  column_norms<T>(*model.pool(), {.weight = weight.operand(),
                                  .a = std::as_const(a).value().matrix(),
                                  .b = std::as_const(b).value().matrix(),
                                  .scale = plan.scale,
                                  .norms = magnitude->value().data()});
}

template <Scalar T>
LowRankArgs<T> LoraAdapter<T>::Layer::args() const {
  LowRankArgs<T> result;
  result.scale = plan.scale;
  if (!plan.sliced()) {
    result.parts[0] = {0, plan.out};
    return result;
  }
  result.part_count = 0;
  const Index width = plan.out / 3;
  for (std::size_t i = 0; i < plan.parts.size(); ++i) {
    if (!plan.parts[i]) continue;
    result.parts[static_cast<std::size_t>(result.part_count++)] = {static_cast<Index>(i) * width,
                                                                   width};
  }
  return result;
}

template <Scalar T>
Tensor<T> LoraAdapter<T>::Layer::expanded(const Tensor<T>& blocks) const {
  Tensor<T> full({plan.out, plan.total_rank()});
  const LowRankArgs<T> update = args();
  Index row = 0;
  for (int part = 0; part < update.part_count; ++part) {
    const LowRankPart columns = update.parts[static_cast<std::size_t>(part)];
    for (Index i = 0; i < columns.count; ++i, ++row) {
      std::copy_n(blocks.matrix().row(row), plan.rank,
                  full.matrix().row(columns.begin + i) + part * plan.rank);
    }
  }
  return full;
}

template <Scalar T>
Tensor<T> LoraAdapter<T>::Layer::compact(const Tensor<T>& full) const {
  Tensor<T> blocks({plan.b_rows(), plan.rank});
  const LowRankArgs<T> update = args();
  Index row = 0;
  for (int part = 0; part < update.part_count; ++part) {
    const LowRankPart columns = update.parts[static_cast<std::size_t>(part)];
    for (Index i = 0; i < columns.count; ++i, ++row) {
      std::copy_n(full.matrix().row(columns.begin + i) + part * plan.rank, plan.rank,
                  blocks.matrix().row(row));
    }
  }
  const Tensor<T> again = expanded(blocks);
  for (Index i = 0; i < full.size(); ++i) {
    if (again.data()[i] == full.data()[i]) continue;
    fail<ConfigError>("lora.parts", b.name(), ": row ", i / plan.total_rank(), ", column ",
                      i % plan.total_rank(), " belongs to no part of c_attn that trains, ",
                      "expected 0, found ", full.data()[i]);
  }
  return blocks;
}

template <Scalar T>
void LoraAdapter<T>::Layer::keep_parts(const std::array<bool, 3>& parts, bool rslora) {
  if (plan.sliced()) {
    if (plan.parts == parts) return;
    fail<ConfigError>("lora.parts", plan.module, ": the adapter has other parts of it already");
  }
  if (bias || magnitude) {
    fail<ConfigError>("lora.conflict", magnitude ? "use_dora" : "lora_bias",
                      ": not possible for parts of ", quoted(plan.module));
  }
  detail::LoraSite wanted = plan;
  wanted.parts = parts;
  const Index count = wanted.part_count();
  if (plan.rank % count != 0) {
    fail<ConfigError>("lora.parts", a.name(), ": expected a rank that ", count,
                      " parts share, found ", plan.rank);
  }
  wanted.rank = plan.rank / count;
  const auto share = static_cast<double>(count);
  wanted.alpha = plan.alpha / (rslora ? std::sqrt(share) : share);
  std::swap(plan, wanted);
  try {
    Parameter<T> blocks(b.name(), {plan.b_rows(), plan.rank});
    blocks.value() = compact(b.value());
    blocks.set_requires_grad(b.requires_grad());
    b = std::move(blocks);
  } catch (...) {
    std::swap(plan, wanted);
    throw;
  }
}

template <Scalar T>
LoraAdapter<T>::LoraAdapter(const LoraConfig& config, const GPT2<T>& model) : config_(config) {
  if (config.start != LoraStart::plain) {
    fail<ConfigError>("lora.start", "start: expected plain, found ", to_string(config.start),
                      "; load_adapter makes such an adapter of a file a plain one");
  }
  const GPT2Config& base = model.config();
  const detail::LoraPlan plan = detail::plan_lora(config_, base);
  file_config_ = detail::peft_form(config_, plan, base);
  const bool sliced = std::any_of(plan.sites.begin(), plan.sites.end(),
                                  [](const detail::LoraSite& site) { return site.sliced(); });
  if (sliced && !config_.target_modules.is_regex()) parts_ = config_.target_modules.names();
  by_site_.assign(static_cast<std::size_t>(base.n_layer) * kLinearsPerBlock, nullptr);
  for (const detail::LoraSite& site : plan.sites) {
    layers_.push_back(std::make_unique<Layer>(site, config_));
    layers_.back()->initialise(config_, model);
    if (!site.table.empty()) continue;
    by_site_[static_cast<std::size_t>(site.site.index())] = layers_.back().get();
  }
  for (const detail::LoraCopy& copy : plan.copies) {
    copies_.push_back(std::make_unique<Copy>(Copy{copy.base, Parameter<T>(copy.name, copy.shape)}));
    detail::copy_base(model, copy.base, copies_.back()->parameter);
  }
  add_tables(plan, model);
}

template <Scalar T>
void LoraAdapter<T>::set_dropout(double p) {
  if (!(p >= 0.0 && p < 1.0)) {
    fail<ConfigError>("config.range", "lora_dropout: expected 0 <= x < 1, found ", p);
  }
  config_.lora_dropout = p;
  for (const auto& layer : layers_) layer->table_update.dropout = p;
  file_config_.lora_dropout = p;
}

template <Scalar T>
void LoraAdapter<T>::keep_parts(const std::vector<std::string>& target_modules) {
  for (const auto& layer : layers_) {
    const auto parts = detail::c_attn_parts(target_modules, layer->plan.module);
    if (std::any_of(parts.begin(), parts.end(), [](bool part) { return part; })) {
      layer->keep_parts(parts, config_.use_rslora);
      parts_ = target_modules;
    }
  }
}

template <Scalar T>
std::map<std::string, std::string> LoraAdapter<T>::metadata() const {
  if (parts_.empty()) return {};
  std::string names;
  for (const std::string& name : parts_) names += concat(names.empty() ? "" : ",", name);
  return {{std::string(LoraConfig::kPartsKey), std::move(names)}};
}

template <Scalar T>
void LoraAdapter<T>::import_metadata(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find(std::string(LoraConfig::kPartsKey));
  if (found == metadata.end()) return;
  std::vector<std::string> names(1);
  for (const char c : found->second) {
    if (c == ',') {
      names.emplace_back();
    } else {
      names.back() += c;
    }
  }
  keep_parts(names);
}

template <Scalar T>
std::vector<LinearSite> LoraAdapter<T>::sites() const {
  std::vector<LinearSite> result;
  for (const auto& layer : layers_) {
    if (layer->plan.table.empty()) result.push_back(layer->plan.site);
  }
  return result;
}

template <Scalar T>
template <class F>
void LoraAdapter<T>::for_parameters(const F& f) {
  for (const auto& layer : layers_) {
    f(layer->a, nullptr);
    f(layer->b, layer.get());
    if (layer->bias) f(*layer->bias, nullptr);
    if (layer->magnitude) f(*layer->magnitude, nullptr);
  }
  for (const auto& copy : copies_) f(copy->parameter, nullptr);
  for (const auto& rows : rows_) f(rows->parameter, nullptr);
  for (const auto& table : tables_) f(table->parameter, nullptr);
}

template <Scalar T>
std::vector<Parameter<T>*> LoraAdapter<T>::parameters() {
  std::vector<Parameter<T>*> result;
  for_parameters([&result](Parameter<T>& p, const Layer*) { result.push_back(&p); });
  return result;
}

template <Scalar T>
auto LoraAdapter<T>::layer(const LinearSite& site) const -> Layer& {
  const auto index = static_cast<std::size_t>(site.index());
  if (index >= by_site_.size() || by_site_[index] == nullptr) {
    fail<ConfigError>("adapter.sites", "the adapter does not work on ", site.name());
  }
  return *by_site_[index];
}

template <Scalar T>
Var<T> LoraAdapter<T>::apply(Tape<T>& tape, const LinearCall<T>& call) {
  Layer& adapted = layer(call.site);
  LowRankArgs<T> args = adapted.args();
  args.a = &adapted.a;
  args.b = &adapted.b;
  args.bias = adapted.bias.get();
  args.dropout = config_.lora_dropout;
  args.site = adapted.table_update.site;
  if (adapted.magnitude) {
    return dora_update<T>(
        tape, call.x, call.y, args,
        {.weight = call.weight, .bias = call.bias, .magnitude = adapted.magnitude.get()});
  }
  low_rank_update<T>(tape, call.x, call.y, args);
  return call.y;
}

template <Scalar T>
bool LoraAdapter<T>::merge(ThreadPool& pool, const MergeTarget<T>& target) {
  const Layer& adapted = layer(target.site);
  const auto s = static_cast<T>(adapted.plan.scale);
  const MatrixView<T> weight = target.weight;
  const Tensor<T>& a = adapted.a.value();
  const Tensor<T>& b = adapted.b.value();
  std::vector<T> factor;
  if (adapted.magnitude) {
    factor.resize(static_cast<std::size_t>(weight.cols));
    column_norms<T>(pool, {.weight = weight,
                           .a = a.matrix(),
                           .b = b.matrix(),
                           .scale = adapted.plan.scale,
                           .norms = factor.data()});
    const T* const magnitude = std::as_const(*adapted.magnitude).value().data();
    for (std::size_t j = 0; j < factor.size(); ++j) factor[j] = magnitude[j] / factor[j];
  }
  Tensor<T> scaled = a.clone();
  for (T& x : scaled.span()) x *= s;
  const LowRankArgs<T> update = adapted.args();
  Index row = 0;
  for (int i = 0; i < update.part_count; ++i) {
    const LowRankPart part = update.parts[static_cast<std::size_t>(i)];
    const Index rank = adapted.plan.rank;
    gemm<T>(pool, {.a = Operand<T>(scaled.matrix().middle_rows(i * rank, rank)).transposed(),
                   .b = Operand<T>(b.matrix().middle_rows(row, part.count)).transposed(),
                   .c = weight.middle_cols(part.begin, part.count),
                   .accumulate = true});
    row += part.count;
  }
  for (Index i = 0; i < (factor.empty() ? 0 : weight.rows); ++i) {
    for (Index j = 0; j < weight.cols; ++j) weight(i, j) *= factor[static_cast<std::size_t>(j)];
  }
  if (adapted.bias) {
    const T* const add = std::as_const(*adapted.bias).value().data();
    for (Index j = 0; j < weight.cols; ++j) target.bias[static_cast<std::size_t>(j)] += s * add[j];
  }
  return true;
}

template <Scalar T>
std::vector<FileTensor<T>> LoraAdapter<T>::export_tensors(FileContent content) {
  std::vector<FileTensor<T>> result;
  for_parameters([&](Parameter<T>& p, const Layer* sliced) {
    const bool values = content == FileContent::values;
    if (!values && !p.requires_grad()) return;
    const Tensor<T>& tensor = values ? std::as_const(p).value() : p.grad();
    const bool blocks = sliced != nullptr && sliced->plan.sliced();
    result.push_back({p.name(), blocks ? sliced->expanded(tensor) : tensor.clone()});
    for (const auto& table : tables_) {
      if (&table->parameter != &p) continue;
      for (std::size_t i = 1; i < table->plan.names.size(); ++i) {
        result.push_back({table->plan.names[i], tensor.clone()});
      }
    }
  });
  return result;
}

template <Scalar T>
void LoraAdapter<T>::import_tensors(std::vector<FileTensor<T>> tensors) {
  take_tables(tensors);
  std::size_t next = 0;
  for_parameters([&](Parameter<T>& p, const Layer* sliced) {
    const bool blocks = sliced != nullptr && sliced->plan.sliced();
    const std::vector<Index> shape =
        blocks ? std::vector<Index>{sliced->plan.out, sliced->plan.total_rank()} : p.shape();
    if (next >= tensors.size() || tensors[next].name != p.name() ||
        tensors[next].value.shape() != shape) {
      fail<ShapeError>("adapter.tensors", "the file's tensors are not the adapter's: expected ",
                       p.name(), " of shape ", to_string(shape), ", found ",
                       next < tensors.size() ? tensors[next].name : "none");
    }
    Tensor<T>& value = tensors[next++].value;
    if (blocks) value = sliced->compact(value);
  });
  next = 0;
  for_parameters(
      [&](Parameter<T>& p, const Layer*) { p.value() = std::move(tensors[next++].value); });
  for (const auto& table : tables_) table->parameter.pack();
}

template <Scalar T>
std::unique_ptr<Adapter<T>> make_adapter(const LoraConfig& config, const GPT2<T>& model) {
  return std::make_unique<LoraAdapter<T>>(config, model);
}

#if !SOLO_HEADER_ONLY
template class LoraAdapter<float>;
template class LoraAdapter<double>;
template std::unique_ptr<Adapter<float>> make_adapter<float>(const LoraConfig&, const GPT2<float>&);
template std::unique_ptr<Adapter<double>> make_adapter<double>(const LoraConfig&,
                                                               const GPT2<double>&);
#endif

}  // namespace solo::inline SOLO_ABI
