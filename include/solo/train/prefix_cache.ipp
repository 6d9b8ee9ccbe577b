// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/model_adapters.hpp>
#include <solo/core/config.hpp>
#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/finite.hpp>
#include <solo/io/safetensors_header.hpp>
#include <solo/kernels/table.hpp>
#include <solo/train/prefix_cache.hpp>
#include <solo/train/run_identity.hpp>

#include <algorithm>
#include <type_traits>

namespace solo::inline SOLO_ABI {

template <Scalar T>
PrefixCache<T>::PrefixCache(GPT2<T>& model, const Dataset& data, const PrefixCacheOptions& options)
    : model_(model),
      options_(options),
      prefix_(model.frozen_prefix()),
      layout_(data),
      tape_(model.pool()) {
  if (prefix_.blocks == 0) {
    fail<ConfigError>(
        "prefix_cache.none",
        "prefix_cache: nothing could be skipped, as what trains, or the adapter, acts "
        "in the first block");
  }
  const std::size_t size = options_.dtype == DType::bfloat16 ? sizeof(bfloat16) : sizeof(T);
  const auto outputs = static_cast<Index>(prefix_.outputs.size());
  row_bytes_ = outputs * model.config().n_embd * static_cast<Index>(size);
  store_ = options_.mode == PrefixCacheMode::file ? open_file_store(contents(model), options_)
                                                  : make_memory_store(contents(model), options_);
  info_.blocks = prefix_.blocks;
  for (Index i = store_->capacity(); i < layout_.pieces(); ++i) {
    info_.rows_left_out += layout_.piece(i).length;
  }
  computed_.resize(prefix_.outputs.size());
}

template <Scalar T>
PrefixContents PrefixCache<T>::contents(GPT2<T>& model) const {
  const auto outputs = static_cast<Index>(prefix_.outputs.size());
  const DType full = std::is_same_v<T, double> ? DType::float64 : DType::float32;
  const bool rounded = options_.dtype == DType::bfloat16;
  PrefixContents contents{.dtype = safetensors_name(rounded ? DType::bfloat16 : full),
                          .row_elements = outputs * model.config().n_embd,
                          .row_bytes = row_bytes_};
  for (Index i = 0; i < layout_.pieces(); ++i) contents.pieces.push_back(layout_.piece(i).length);
  if (options_.mode != PrefixCacheMode::file) return contents;
  Checksum base;
  base.update(model.config().to_json());
  base.update(frozen_fingerprint(model));
  contents.base = base.digits();
  contents.stored = storage_of_base(model);
  contents.data = layout_.fingerprint();
  contents.prefix =
      concat(to_string(prefix_), ", ", contents.dtype, ", computed by version ",
             SOLO_VERSION_STRING, " as ", to_string(full), " on ", to_string(active_isa()));
  return contents;
}

template <Scalar T>
std::span<std::byte> PrefixCache<T>::bytes_of(const Loaded& loaded) {
  const Index rows = layout_.piece(loaded.piece).length;
  return std::span(bytes_).subspan(loaded.begin, static_cast<std::size_t>(rows * row_bytes_));
}

template <Scalar T>
template <class Element>
void PrefixCache<T>::pack(const Loaded& loaded, Index first_row) {
  auto* to = reinterpret_cast<Element*>(bytes_of(loaded).data());
  for (Index row = 0; row < layout_.piece(loaded.piece).length; ++row) {
    for (const Tensor<T>& output : computed_) {
      const ConstMatrixView<T> from = output.matrix();
      const auto width = static_cast<std::size_t>(from.cols);
      detail::convert_values(std::span(from.row(first_row + row), width), std::span(to, width));
      to += from.cols;
    }
  }
}

template <Scalar T>
template <class Element>
void PrefixCache<T>::unpack(const PrefixLayout::Part& part,
                            std::span<const MatrixView<T>> outputs) {
  const auto loaded = std::lower_bound(
      loaded_.begin(), loaded_.end(), part.piece,
      [](const Loaded& candidate, Index piece) { return candidate.piece < piece; });
  const auto* from = reinterpret_cast<const Element*>(
      bytes_of(*loaded).subspan(static_cast<std::size_t>(part.first * row_bytes_)).data());
  for (Index row = part.batch_row; row < part.batch_row + part.length; ++row) {
    for (const MatrixView<T>& output : outputs) {
      const auto width = static_cast<std::size_t>(output.cols);
      detail::convert_values(std::span(from, width), std::span(output.row(row), width));
      from += output.cols;
    }
  }
}

template <Scalar T>
void PrefixCache<T>::compute(const std::vector<std::size_t>& missing) {
  std::vector<Index> pieces;
  for (const std::size_t i : missing) pieces.push_back(loaded_[i].piece);
  std::vector<Index> starts;
  const Batch batch = layout_.batch_of(pieces, starts);
  std::vector<MatrixView<T>> outputs;
  for (Tensor<T>& output : computed_) {
    output = Tensor<T>({batch.rows(), model_.config().n_embd});
    outputs.push_back(output.matrix());
  }
  model_.prefix_outputs(tape_, batch, prefix_, outputs);
  info_.rows_computed += batch.rows();
  for (std::size_t i = 0; i < missing.size(); ++i) {
    const Loaded& loaded = loaded_[missing[i]];
    if (options_.dtype == DType::bfloat16) {
      pack<bfloat16>(loaded, starts[i]);
    } else {
      pack<T>(loaded, starts[i]);
    }
    if (loaded.piece < store_->capacity()) store_->write(loaded.piece, bytes_of(loaded));
  }
}

template <Scalar T>
void PrefixCache<T>::load() {
  loaded_.clear();
  for (const PrefixLayout::Part& part : parts_) loaded_.push_back({.piece = part.piece});
  std::sort(loaded_.begin(), loaded_.end(),
            [](const Loaded& a, const Loaded& b) { return a.piece < b.piece; });
  loaded_.erase(std::unique(loaded_.begin(), loaded_.end(),
                            [](const Loaded& a, const Loaded& b) { return a.piece == b.piece; }),
                loaded_.end());
  std::size_t size = 0;
  for (Loaded& loaded : loaded_) {
    loaded.begin = size;
    size += static_cast<std::size_t>(layout_.piece(loaded.piece).length * row_bytes_);
  }
  bytes_.resize(size);
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < loaded_.size(); ++i) {
    if (!store_->has(loaded_[i].piece)) {
      missing.push_back(i);
      continue;
    }
    if (!store_->read(loaded_[i].piece, bytes_of(loaded_[i]))) {
      ++info_.damaged_pieces;
      missing.push_back(i);
      continue;
    }
    info_.rows_read += layout_.piece(loaded_[i].piece).length;
  }
  if (!missing.empty()) compute(missing);
}

template <Scalar T>
void PrefixCache<T>::fill(const Batch& batch, std::span<const MatrixView<T>> outputs) {
  layout_.find(batch, parts_);
  detail::require_outputs("fill", outputs, prefix_, batch.rows(), model_.config().n_embd);
  load();
  for (const PrefixLayout::Part& part : parts_) {
    if (options_.dtype == DType::bfloat16) {
      unpack<bfloat16>(part, outputs);
    } else {
      unpack<T>(part, outputs);
    }
  }
}

template <Scalar T>
PrefixCacheInfo PrefixCache<T>::info() const {
  PrefixCacheInfo info = info_;
  info.bytes = store_->bytes();
  return info;
}

#if !SOLO_HEADER_ONLY
template class PrefixCache<float>;
template class PrefixCache<double>;
#endif

}  // namespace solo::inline SOLO_ABI
