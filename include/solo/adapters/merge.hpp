// SPDX-License-Identifier: MIT
/// @file
/// GPT2::merge_adapter and GPT2::unmerge_adapter (declared in nn/gpt2.hpp).
#pragma once

#include <solo/nn/gpt2.hpp>

#if SOLO_HEADER_ONLY
#include <solo/adapters/merge.ipp>  // IWYU pragma: keep
#endif
