// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/base_copy.hpp>
#include <solo/adapters/lora/adapter.hpp>
#include <solo/core/error.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace solo::inline SOLO_ABI {

template <Scalar T>
void LoraAdapter<T>::add_tables(const detail::LoraPlan& plan, const GPT2<T>& model) {
  for (const detail::LoraRows& rows : plan.rows) {
    rows_.push_back(std::make_unique<Rows>(Rows{rows, Parameter<T>(rows.name, rows.shape())}));
    const Operand<T> table = detail::base_parameter(model, rows.bases.front()).operand();
    const MatrixView<T> to = rows_.back()->parameter.value().matrix();
    for (Index i = 0; i < to.rows; ++i) {
      table.copy_row(rows.rows[static_cast<std::size_t>(i)], to.row(i));
    }
  }
  for (const detail::LoraTable& table : plan.tables) {
    tables_.push_back(std::make_unique<Table>(
        Table{table, Parameter<T>(table.names.front(), table.shape, PackOrder::transposed)}));
    const bool head = table.names.front().starts_with("lm_head.");
    Parameter<T>& parameter = tables_.back()->parameter;
    detail::copy_base(model, head ? "lm_head.weight" : "wte.weight", parameter);
    parameter.set_requires_grad(false);
    parameter.pack();
  }
}

template <Scalar T>
std::vector<Replacement<T>> LoraAdapter<T>::replacements() {
  std::vector<Replacement<T>> result;
  for (const auto& copy : copies_) {
    result.push_back({.base = copy->base, .tensor = &copy->parameter});
  }
  for (const auto& table : tables_) {
    for (const std::string& base : table->plan.bases) {
      result.push_back({.base = base, .tensor = &table->parameter});
    }
  }
  for (const auto& rows : rows_) {
    for (const std::string& base : rows->plan.bases) {
      result.push_back({.base = base, .tensor = &rows->parameter, .rows = rows->plan.rows});
    }
  }
  return result;
}

template <Scalar T>
std::vector<const TableUpdate<T>*> LoraAdapter<T>::table_updates() const {
  std::vector<const TableUpdate<T>*> result;
  for (const auto& layer : layers_) {
    if (!layer->plan.table.empty()) result.push_back(&layer->table_update);
  }
  return result;
}

template <Scalar T>
void LoraAdapter<T>::take_tables(std::vector<FileTensor<T>>& tensors) const {
  for (const auto& table : tables_) {
    const std::vector<std::string>& names = table->plan.names;
    const auto first = std::find_if(tensors.begin(), tensors.end(), [&](const FileTensor<T>& t) {
      return t.name == names.front();
    });
    for (std::size_t i = 1; i < names.size(); ++i) {
      const auto other = std::find_if(tensors.begin(), tensors.end(),
                                      [&](const FileTensor<T>& t) { return t.name == names[i]; });
      if (first == tensors.end() || other == tensors.end()) return;  // named by import_tensors
      const auto a = std::as_const(first->value).span();
      const auto b = std::as_const(other->value).span();
      if (!std::equal(a.begin(), a.end(), b.begin(), b.end())) {
        fail<ConfigError>("lora.tables", names.front(), " and ", names[i], " differ, but the base ",
                          "ties its embedding and head (tie_word_embeddings)");
      }
      tensors.erase(other);
    }
  }
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                               \
  template void LoraAdapter<T>::add_tables(const detail::LoraPlan& plan, const GPT2<T>&); \
  template std::vector<Replacement<T>> LoraAdapter<T>::replacements();                    \
  template std::vector<const TableUpdate<T>*> LoraAdapter<T>::table_updates() const;      \
  template void LoraAdapter<T>::take_tables(std::vector<FileTensor<T>>&) const
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
