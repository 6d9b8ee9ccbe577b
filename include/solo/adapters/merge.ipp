// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/merge.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <span>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The fixed pseudo-random sequence that merging is measured on.
[[nodiscard]] inline std::vector<int> merge_test_ids(const GPT2Config& config) {
  constexpr Index kLength = 64;
  const Philox random(0x50104D45ULL);
  std::vector<int> ids;
  for (Index i = 0; i < std::min(kLength, config.n_positions); ++i) {
    ids.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(config.vocab_size),
                                                static_cast<std::uint64_t>(i))));
  }
  return ids;
}

/// Throws NumericError unless every element is finite.
template <Scalar T>
void require_finite_merge(const Parameter<T>& p) {
  for (Index i = 0; i < p.size(); ++i) {
    if (is_finite(p.value().data()[i])) continue;
    fail<NumericError>("numeric.merge", p.name(), ": element ", i,
                       " would not be finite after merging");
  }
}

/// The base parameters that merging the adapter `name` changes. Throws ConfigError
/// ("adapter.merge") when it cannot be merged.
template <Scalar T>
[[nodiscard]] std::vector<Parameter<T>*> merge_changes(GPT2<T>& model, const std::string& name,
                                                       Adapter<T>& adapter) {
  if (adapter.as_block() != nullptr) {
    fail<ConfigError>("adapter.merge", "adapter ", quoted(name), " (", adapter.peft_type(),
                      ") cannot be merged: it adds functions of block outputs, which no weight of ",
                      "the base can hold");
  }
  std::vector<Parameter<T>*> changed;
  std::set<const Parameter<T>*> seen;
  const auto change = [&](const std::string& parameter_name) {
    Parameter<T>& p = model.parameter(parameter_name);
    if (p.is_bfloat16()) {
      fail<ConfigError>("adapter.merge", "adapter ", quoted(name), " cannot be merged: ", p.name(),
                        " is stored as bfloat16, which would lose the change; load the model with ",
                        "frozen_dtype float32");
    }
    if (seen.insert(&p).second) changed.push_back(&p);
  };
  for (const auto& [base, tensor] : adapter.replacements()) {
    if (model.config().tie_word_embeddings && (base == "wte.weight" || base == "lm_head.weight")) {
      fail<ConfigError>("adapter.merge", "adapter ", quoted(name), " cannot be merged: it has ",
                        tensor->name(), ", but embedding and head are one tensor in this model");
    }
    change(base);
  }
  if (adapter.as_linear() == nullptr) return changed;
  for (const LinearSite& site : adapter.as_linear()->sites()) {
    change(site.name() + ".weight");
    change(site.name() + ".bias");
  }
  return changed;
}

/// The largest |a - b|; nothing when an element of b is not finite.
template <Scalar T>
[[nodiscard]] std::optional<float> largest_difference(std::span<const T> a, std::span<const T> b) {
  T worst{};
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (!is_finite(static_cast<double>(b[i]))) return {};
    worst = std::max(worst, std::abs(b[i] - a[i]));
  }
  return static_cast<float>(worst);
}

/// Gives the parameters their elements back, packed where they are packed now.
template <Scalar T>
void restore(std::vector<std::pair<Parameter<T>*, Tensor<T>>>& originals) {
  for (auto& [p, original] : originals) {
    const bool packed = p->is_packed();
    p->value() = std::move(original);
    if (packed) p->pack();
  }
  originals.clear();
}

}  // namespace detail

template <Scalar T>
float GPT2<T>::merge_adapter(std::string_view name) {
  require_not_held("merge_adapter");
  Slot& slot = require_slot(name);
  require_unmerged(nullptr);
  Adapter<T>& adapter = *slot.adapter;
  const std::vector<Parameter<T>*> changed = detail::merge_changes(*this, slot.name, adapter);
  const auto replaced = adapter.replacements();
  std::vector<LinearSite> sites;
  if (adapter.as_linear() != nullptr) sites = adapter.as_linear()->sites();

  const std::vector<int> ids = detail::merge_test_ids(config_);
  const auto size = static_cast<Index>(ids.size());
  Tensor<T> before({size, config_.vocab_size});
  write_logits(ids, before.matrix(), {.adapter = slot.name});
  std::vector<std::pair<Parameter<T>*, Tensor<T>>> originals;
  std::vector<Parameter<T>*> packed;
  for (Parameter<T>* p : changed) {
    if (p->is_packed()) packed.push_back(p);
    originals.emplace_back(p, p->value().clone());
  }
  ActiveHooks<T> hooks = std::exchange(slot.hooks, {});
  slot.unmerged = std::move(originals);
  try {
    for (const auto& [base, tensor] : replaced) {
      Tensor<T>& value = parameter(base).value();
      std::copy_n(tensor->value().data(), value.size(), value.data());
    }
    for (const LinearSite& site : sites) {
      const MergeTarget<T> target{site, parameter(site.name() + ".weight").value().matrix(),
                                  parameter(site.name() + ".bias").value().span()};
      if (adapter.as_linear()->merge(*pool_, target)) continue;
      fail<ConfigError>("adapter.merge", "adapter ", quoted(slot.name), " (", adapter.peft_type(),
                        ") cannot be merged: its change of ", site.name(),
                        " is none of the layer's weight and bias");
    }
    for (const Parameter<T>* p : changed) detail::require_finite_merge(*p);
    for (Parameter<T>* p : packed) p->pack();
    Tensor<T> after({size, config_.vocab_size});
    write_logits(ids, after.matrix(), {.adapter = slot.name});
    const std::optional<float> worst =
        detail::largest_difference<T>(std::as_const(before).span(), std::as_const(after).span());
    if (!worst) {
      fail<NumericError>("numeric.merge", "adapter ", quoted(slot.name),
                         ": the logits would not be finite after merging");
    }
    active_ = &slot;
    return *worst;
  } catch (...) {
    detail::restore(slot.unmerged);
    for (Parameter<T>* p : packed) p->pack();
    slot.hooks = std::move(hooks);
    throw;
  }
}

template <Scalar T>
void GPT2<T>::unmerge_adapter(std::string_view name) {
  require_not_held("unmerge_adapter");
  Slot& slot = require_slot(name);
  if (slot.unmerged.empty()) {
    fail<ConfigError>("adapter.merge", "adapter ", quoted(slot.name), " is not merged");
  }
  detail::restore(slot.unmerged);
  connect(slot);
}

#if !SOLO_HEADER_ONLY
template float GPT2<float>::merge_adapter(std::string_view);
template float GPT2<double>::merge_adapter(std::string_view);
template void GPT2<float>::unmerge_adapter(std::string_view);
template void GPT2<double>::unmerge_adapter(std::string_view);
#endif

}  // namespace solo::inline SOLO_ABI
