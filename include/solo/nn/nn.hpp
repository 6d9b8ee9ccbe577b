// SPDX-License-Identifier: MIT
/// @file
/// Everything of nn/.
#pragma once

#include <solo/nn/block.hpp>
#include <solo/nn/dropout_places.hpp>
#include <solo/nn/end_tokens.hpp>
#include <solo/nn/frozen_prefix.hpp>
#include <solo/nn/generation_config.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/gpt2_config.hpp>
#include <solo/nn/hooks.hpp>
#include <solo/nn/kv_cache.hpp>
#include <solo/nn/model_guard.hpp>
#include <solo/nn/network.hpp>
