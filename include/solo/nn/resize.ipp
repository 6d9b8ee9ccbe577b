// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/nn/gpt2.hpp>

#include <algorithm>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// The table with another number of rows, stored as it was; new rows are the mean of the old ones.
template <Scalar T>
[[nodiscard]] Parameter<T> resized_table(const Parameter<T>& table, Index rows) {
  const Operand<T> from = table.operand();
  Parameter<T> result(table.name(), {rows, from.cols}, table.pack_order());
  const MatrixView<T> to = result.value().matrix();
  std::vector<double> sums(static_cast<std::size_t>(from.cols), 0.0);
  std::vector<T> row(sums.size());
  for (Index i = 0; i < from.rows; ++i) {
    from.copy_row(i, row.data());
    if (i < rows) std::copy(row.begin(), row.end(), to.row(i));
    for (std::size_t j = 0; j < row.size(); ++j) sums[j] += static_cast<double>(row[j]);
  }
  for (Index i = from.rows; i < rows; ++i) {
    for (Index j = 0; j < from.cols; ++j) {
      to(i, j) = static_cast<T>(sums[static_cast<std::size_t>(j)] / static_cast<double>(from.rows));
    }
  }
  result.set_requires_grad(table.requires_grad());
  result.set_id(table.id());
  if (table.is_packed()) result.pack(table.is_bfloat16());
  return result;
}

}  // namespace detail

template <Scalar T>
void GPT2<T>::resize_token_embeddings(Index vocab_size, Index pad_to_multiple_of) {
  require_not_held("resize_token_embeddings");
  constexpr Index kMost = Index{1} << 24;
  if (vocab_size < 1 || vocab_size > kMost || pad_to_multiple_of < 1 ||
      pad_to_multiple_of > kMost) {
    fail<ConfigError>("config.range", "resize_token_embeddings: expected 1 to ", kMost,
                      " tokens and such a multiple, found ", vocab_size, " and ",
                      pad_to_multiple_of);
  }
  const Index multiple = pad_to_multiple_of;
  GPT2Config changed = config_;
  changed.vocab_size = (vocab_size + multiple - 1) / multiple * multiple;
  changed.validate();
  if (changed.vocab_size == config_.vocab_size) return;
  if (!slots_.empty()) {
    fail<ConfigError>("model.resize", "resize_token_embeddings: the model has adapters (",
                      quoted(slots_.front()->name), "), which are made for its ",
                      config_.vocab_size, " tokens; resize it before they are added");
  }
  Parameter<T> wte = detail::resized_table(network().wte, changed.vocab_size);
  if (network_->lm_head) {
    *network_->lm_head = detail::resized_table(*network_->lm_head, changed.vocab_size);
  }
  guard_.changed();
  network_->wte = std::move(wte);
  config_ = changed;
  std::erase_if(eos_token_ids_, [this](int id) { return id >= config_.vocab_size; });
}

#if !SOLO_HEADER_ONLY
template void GPT2<float>::resize_token_embeddings(Index, Index);
template void GPT2<double>::resize_token_embeddings(Index, Index);
#endif

}  // namespace solo::inline SOLO_ABI
