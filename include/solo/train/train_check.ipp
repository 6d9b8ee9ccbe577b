// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/model_adapters.hpp>
#include <solo/data/dataset.hpp>
#include <solo/io/finite.hpp>
#include <solo/optim/clip.hpp>
#include <solo/train/train_check.hpp>

#include <optional>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Throws unless 0 <= id < vocab_size.
SOLO_INLINE void check_id(const GPT2Config& config, int id, std::string_view what, Index example) {
  if (id >= 0 && id < config.vocab_size) return;
  fail<ShapeError>("ids.range", what, ": example ", example, ": expected token ids of 0 to ",
                   config.vocab_size - 1, ", found ", id);
}

/// The first element that is not finite, and its number.
struct NonFinite {
  Index at = 0;
  double value = 0.0;
};
template <Scalar T>
std::optional<NonFinite> find_non_finite(const Parameter<T>& p) {
  const Operand<T> x = p.operand();
  for (Index row = 0; row < x.rows; ++row) {
    for (Index col = 0; col < x.cols; ++col) {
      const auto value = static_cast<double>(x.at(row, col));
      if (!is_finite(value)) return NonFinite{row * x.cols + col, value};
    }
  }
  return std::nullopt;
}

}  // namespace detail

SOLO_INLINE void check_data(const GPT2Config& config, const Dataset& data, std::string_view what) {
  for (Index i = 0; i < data.size(); ++i) {
    const Example& example = data[i];
    const auto length = static_cast<Index>(example.ids.size());
    if (length > config.n_positions) {
      fail<ShapeError>("sequence.length", what, ": example ", i, " of ", length,
                       " tokens is longer than n_positions ", config.n_positions);
    }
    for (const int id : example.ids) detail::check_id(config, id, what, i);
    for (const int id : example.labels) {
      if (id != kIgnoreIndex) detail::check_id(config, id, what, i);
    }
  }
  if (data.scored_tokens() == 0) {
    fail<ConfigError>("loss.labels", what, ": nothing to score in ", data.size(), " examples");
  }
}

template <Scalar T>
std::vector<Parameter<T>*> require_trainable(GPT2<T>& model) {
  std::vector<Parameter<T>*> parameters = model.trainable_parameters();
  if (parameters.empty()) {
    fail<ConfigError>("train.nothing", "nothing to train: ",
                      model.adapter_names().empty()
                          ? "all parameters of the model are frozen (a base of frozen_dtype "
                            "bfloat16 is: add an adapter, or load it as float32)"
                          : "the base is frozen and no adapter with trainable tensors is active");
  }
  return parameters;
}

template <Scalar T>
void refuse_loss(GPT2<T>& model, std::int64_t step, double loss) {
  std::vector<Parameter<T>*> all = model.parameters();
  if (const std::string name = model.active_adapter(); !name.empty()) {
    for (Parameter<T>* p : model.adapter(name).parameters()) all.push_back(p);
  }
  for (const Parameter<T>* p : all) {
    if (const auto found = detail::find_non_finite(*p)) {
      fail<NumericError>("numeric.loss", "step ", step, ": the loss is ",
                         detail::non_finite_name(loss), "; ", quoted(p->name()), " is ",
                         detail::non_finite_name(found->value), " at element ", found->at);
    }
  }
  fail<NumericError>("numeric.loss", "step ", step, ": the loss is ", detail::non_finite_name(loss),
                     " although all weights are finite: the activations overflow");
}

template <Scalar T>
void require_finite(const std::vector<Parameter<T>*>& parameters, std::int64_t step) {
  for (const Parameter<T>* p : parameters) {
    if (detail::all_finite(p->value().span())) continue;
    if (const auto found = detail::find_non_finite(*p)) {
      fail<NumericError>("numeric.parameter", "step ", step, ": ", quoted(p->name()), " is ",
                         detail::non_finite_name(found->value), " at element ", found->at,
                         " after the update");
    }
  }
}

#if !SOLO_HEADER_ONLY
template void require_finite(const std::vector<Parameter<float>*>&, std::int64_t);
template void require_finite(const std::vector<Parameter<double>*>&, std::int64_t);
template std::vector<Parameter<float>*> require_trainable(GPT2<float>&);
template std::vector<Parameter<double>*> require_trainable(GPT2<double>&);
template void refuse_loss(GPT2<float>&, std::int64_t, double);
template void refuse_loss(GPT2<double>&, std::int64_t, double);
#endif

}  // namespace solo::inline SOLO_ABI
