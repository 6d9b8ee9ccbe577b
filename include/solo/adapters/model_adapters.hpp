// SPDX-License-Identifier: MIT
/// @file
/// The adapter functions of GPT2 (declared in nn/gpt2.hpp): adding, loading, switching, saving.
#pragma once

#include <solo/nn/gpt2.hpp>

#if SOLO_HEADER_ONLY
#include <solo/adapters/model_adapters.ipp>  // IWYU pragma: keep
#endif
