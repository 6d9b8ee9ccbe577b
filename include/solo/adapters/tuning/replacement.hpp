// SPDX-License-Identifier: MIT
/// @file
/// Adapters that train copies of some of the base's tensors and nothing else.
#pragma once

#include <solo/adapters/adapter_tensor.hpp>
#include <solo/adapters/base_copy.hpp>
#include <solo/autograd/parameter.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/hooks.hpp>

#include <memory>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// A base tensor that trains as a copy.
struct TrainedCopy {
  std::string name;  ///< in the file, after the prefix
  std::string base;  ///< "h.0.ln_1.bias"
  std::vector<Index> shape;
};

/// The same as the tensors of a file.
[[nodiscard]] inline std::vector<AdapterTensor> file_tensors(
    const std::vector<TrainedCopy>& copies) {
  std::vector<AdapterTensor> tensors;
  tensors.reserve(copies.size());
  for (const TrainedCopy& copy : copies) tensors.push_back({copy.name, copy.shape});
  return tensors;
}

/// Copies that stand in for the base's tensors while the adapter is active; they start with the
/// base's values, which stay as they are.
template <Scalar T>
class ReplacementAdapter : public Adapter<T> {
 public:
  ReplacementAdapter(const std::vector<TrainedCopy>& copies, const GPT2<T>& model) {
    for (const TrainedCopy& copy : copies) {
      base_names_.push_back(copy.base);
      parameters_.push_back(std::make_unique<Parameter<T>>(copy.name, copy.shape));
      detail::copy_base(model, copy.base, *parameters_.back());
    }
  }

  [[nodiscard]] std::vector<Parameter<T>*> parameters() override {
    std::vector<Parameter<T>*> result;
    for (const auto& p : parameters_) result.push_back(p.get());
    return result;
  }
  [[nodiscard]] std::vector<Replacement<T>> replacements() override {
    std::vector<Replacement<T>> result;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      result.push_back({.base = base_names_[i], .tensor = parameters_[i].get()});
    }
    return result;
  }

 private:
  std::vector<std::string> base_names_;
  std::vector<std::unique_ptr<Parameter<T>>> parameters_;
};

}  // namespace solo::inline SOLO_ABI
