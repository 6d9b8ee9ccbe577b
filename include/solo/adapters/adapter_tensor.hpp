// SPDX-License-Identifier: MIT
/// @file
/// What an adapter's configuration says about its file, known before anything is allocated.
#pragma once

#include <solo/core/checked_index.hpp>
#include <solo/core/tensor.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// The two files of an adapter folder.
inline constexpr std::string_view kAdapterConfigFile = "adapter_config.json";
inline constexpr std::string_view kAdapterTensorFile = "adapter_model.safetensors";

/// One tensor that adapter_model.safetensors must hold; the name is what follows the kind's prefix.
struct AdapterTensor {
  std::string name;
  std::vector<Index> shape;
  bool trainable = true;
};

/// Elements of those that train. Throws ShapeError ("shape.overflow").
[[nodiscard]] inline Index count_trainable(std::span<const AdapterTensor> tensors) {
  CheckedIndex count = 0;
  for (const AdapterTensor& t : tensors) {
    if (t.trainable) count += Tensor<float>::count(t.shape);
  }
  return count.value();
}

}  // namespace solo::inline SOLO_ABI
