// SPDX-License-Identifier: MIT
/// @file
/// Copies of the base's tensors for adapters that train some of them.
#pragma once

#include <solo/core/error.hpp>
#include <solo/nn/gpt2.hpp>

#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

/// The base's parameter of this name; "lm_head.weight" of a tied head is "wte.weight".
template <Scalar T>
[[nodiscard]] const Parameter<T>& base_parameter(const GPT2<T>& model, std::string_view name) {
  const bool tied = name == "lm_head.weight" && model.config().tie_word_embeddings;
  for (const Parameter<T>* p : model.parameters()) {
    if (p->name() == (tied ? "wte.weight" : name)) return *p;
  }
  fail<ConfigError>("model.parameter", "the model has no parameter ", quoted(name));
}

/// Gives `to` the elements of the base's parameter `name`, whatever form they are stored in.
template <Scalar T>
void copy_base(const GPT2<T>& model, std::string_view name, Parameter<T>& to) {
  const Parameter<T>& from = base_parameter(model, name);
  if (from.shape() != to.shape()) {
    fail<ShapeError>("shape.mismatch", to.name(), " has shape ", to_string(to.shape()), ", ",
                     from.name(), " ", to_string(from.shape()));
  }
  from.operand().copy(to.value().data());
}

}  // namespace solo::inline SOLO_ABI::detail
