// SPDX-License-Identifier: MIT
/// @file
/// Where an adapter plugs into a model, checked.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/nn/block.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>

#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// What passes over a model with these parameters see of the adapter. Throws ConfigError
/// ("adapter.…") when it does not fit the model.
template <Scalar T>
[[nodiscard]] ActiveHooks<T> connected_hooks(Adapter<T>& adapter,
                                             const std::vector<Parameter<T>*>& base,
                                             const GPT2Config& config);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/adapters/connect.ipp>  // IWYU pragma: keep
#endif
