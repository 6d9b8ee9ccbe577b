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
    const bool tied = parameter_name == "lm_head.weight" && model.config().tie_word_embeddings;
    Parameter<T>& p = model.parameter(tied ? "wte.weight" : parameter_name);
    if (p.is_bfloat16()) {
      fail<ConfigError>("adapter.merge", "adapter ", quoted(name), " cannot be merged: ", p.name(),
                        " is stored as bfloat16, which would lose the change; load the model with ",
                        "frozen_dtype float32");
    }
    if (seen.insert(&p).second) changed.push_back(&p);
  };
  for (const auto& replacement : adapter.replacements()) change(replacement.base);
  for (const auto* update : adapter.table_updates()) change(update->base);
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

/// Whether a table of tokens changes, which a tied embedding and head may do apart.
template <Scalar T>
[[nodiscard]] bool changes_tables(Adapter<T>& adapter) {
  const auto replacements = adapter.replacements();
  return !adapter.table_updates().empty() ||
         std::any_of(replacements.begin(), replacements.end(), [](const Replacement<T>& r) {
           return r.base == "wte.weight" || r.base == "lm_head.weight";
         });
}

/// Puts the elements into the base's parameter, whole or row by row.
template <Scalar T>
void put(const Replacement<T>& replacement, Parameter<T>& base) {
  const Operand<T> from = replacement.tensor->operand();
  Tensor<T>& to = base.value();
  if (replacement.rows.empty()) {
    from.copy(to.data());
    return;
  }
  for (std::size_t i = 0; i < replacement.rows.size(); ++i) {
    from.copy_row(static_cast<Index>(i), to.matrix().row(replacement.rows[i]));
  }
}

/// Adds the change to the base's table.
template <Scalar T>
void add(ThreadPool& pool, const TableUpdate<T>& update, Parameter<T>& base) {
  const bool head = update.base == "lm_head.weight";
  const Operand<T> b = update.b->operand();
  Tensor<T> scaled = std::as_const(*update.a).value().clone();
  for (T& x : scaled.span()) x *= static_cast<T>(update.scale);
  const Operand<T> a(scaled.matrix());
  gemm<T>(pool, {.a = head ? b : a.transposed(),
                 .b = head ? a : b.transposed(),
                 .c = base.value().matrix(),
                 .accumulate = true});
}

/// Changes the base's parameters as adapter `name` does. Throws ConfigError ("adapter.merge") on
/// the way for a change that no weight can hold.
template <Scalar T>
void merge_into(GPT2<T>& model, ThreadPool& pool, const std::string& name, Adapter<T>& adapter) {
  for (const Replacement<T>& r : adapter.replacements()) put(r, model.parameter(r.base));
  for (const auto* update : adapter.table_updates()) {
    add(pool, *update, model.parameter(update->base));
  }
  LinearAdapter<T>* const linear = adapter.as_linear();
  if (linear == nullptr) return;
  for (const LinearSite& site : linear->sites()) {
    const MergeTarget<T> target{site, model.parameter(site.name() + ".weight").value().matrix(),
                                model.parameter(site.name() + ".bias").value().span()};
    if (linear->merge(pool, target)) continue;
    fail<ConfigError>("adapter.merge", "adapter ", quoted(name), " (", adapter.peft_type(),
                      ") cannot be merged: its change of ", site.name(),
                      " is none of the layer's weight and bias");
  }
}

}  // namespace detail

template <Scalar T>
void GPT2<T>::untie_head() {
  auto head = std::make_unique<Parameter<T>>("lm_head.weight", network_->wte.shape(),
                                             PackOrder::transposed);
  network_->wte.operand().copy(head->value().data());
  head->set_requires_grad(network_->wte.requires_grad());
  head->set_id(static_cast<int>(network_->parameters().size()));
  network_->lm_head = std::move(head);
  config_.tie_word_embeddings = false;
}

template <Scalar T>
void GPT2<T>::tie_head() {
  network_->lm_head.reset();
  config_.tie_word_embeddings = true;
}

template <Scalar T>
void GPT2<T>::restore_base(Slot& slot) {
  guard_.changed();
  detail::restore(slot.unmerged);
  slot.merged = false;
  if (std::exchange(slot.untied, false)) tie_head();
}

template <Scalar T>
float GPT2<T>::merge_adapter(std::string_view name) {
  require_not_held("merge_adapter");
  Slot& slot = require_slot(name);
  require_unmerged(nullptr);
  Adapter<T>& adapter = *slot.adapter;
  const bool tables = detail::changes_tables(adapter);
  if (network_->wte.is_bfloat16() && tables) {
    (void)detail::merge_changes(*this, slot.name, adapter);  // refuses
  }
  const std::vector<int> ids = detail::merge_test_ids(config_);
  const auto size = static_cast<Index>(ids.size());
  Tensor<T> before({size, config_.vocab_size});
  write_logits(ids, before.matrix(), {.adapter = slot.name});
  slot.untied = config_.tie_word_embeddings && tables;
  if (slot.untied) untie_head();
  std::vector<Parameter<T>*> changed;
  std::vector<std::pair<Parameter<T>*, Tensor<T>>> originals;
  std::vector<Parameter<T>*> packed;
  try {
    changed = detail::merge_changes(*this, slot.name, adapter);
    for (Parameter<T>* p : changed) {
      const bool own = slot.untied && p == network_->lm_head.get();
      if (p->is_packed() || own) packed.push_back(p);
      if (!own) originals.emplace_back(p, p->value().clone());
    }
  } catch (...) {
    restore_base(slot);
    throw;
  }
  guard_.changed();
  ActiveHooks<T> hooks = std::exchange(slot.hooks, {});
  slot.unmerged = std::move(originals);
  slot.merged = true;
  try {
    detail::merge_into(*this, *pool_, slot.name, adapter);
    for (const Parameter<T>* p : changed) detail::require_finite_merge(*p);
    if (slot.untied && network_->head_equals_wte()) {
      std::erase(packed, network_->lm_head.get());
      tie_head();
      slot.untied = false;
    }
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
    if (slot.untied) std::erase(packed, network_->lm_head.get());
    restore_base(slot);
    for (Parameter<T>* p : packed) p->pack();
    slot.hooks = std::move(hooks);
    throw;
  }
}

template <Scalar T>
void GPT2<T>::unmerge_adapter(std::string_view name) {
  require_not_held("unmerge_adapter");
  Slot& slot = require_slot(name);
  if (!slot.merged) {
    fail<ConfigError>("adapter.merge", "adapter ", quoted(slot.name), " is not merged");
  }
  restore_base(slot);
  connect(slot);
}

#if !SOLO_HEADER_ONLY
template void GPT2<float>::untie_head();
template void GPT2<double>::untie_head();
template void GPT2<float>::tie_head();
template void GPT2<double>::tie_head();
template void GPT2<float>::restore_base(Slot&);
template void GPT2<double>::restore_base(Slot&);
template float GPT2<float>::merge_adapter(std::string_view);
template float GPT2<double>::merge_adapter(std::string_view);
template void GPT2<float>::unmerge_adapter(std::string_view);
template void GPT2<double>::unmerge_adapter(std::string_view);
#endif

}  // namespace solo::inline SOLO_ABI
