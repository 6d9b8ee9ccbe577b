// SPDX-License-Identifier: MIT
/// @file
/// Everything of adapters/.
#pragma once

#include <solo/adapters/adapter_file.hpp>
#include <solo/adapters/adapter_folder.hpp>
#include <solo/adapters/adapter_tensor.hpp>
#include <solo/adapters/base_copy.hpp>
#include <solo/adapters/connect.hpp>
#include <solo/adapters/link_statistics.hpp>
#include <solo/adapters/lora/adapter.hpp>
#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/dora_update.hpp>
#include <solo/adapters/lora/lora.hpp>
#include <solo/adapters/lora/low_rank.hpp>
#include <solo/adapters/lora/low_rank_update.hpp>
#include <solo/adapters/lora/plan.hpp>
#include <solo/adapters/merge.hpp>
#include <solo/adapters/model_adapters.hpp>
#include <solo/adapters/module_json.hpp>
#include <solo/adapters/module_pattern.hpp>
#include <solo/adapters/modules.hpp>
#include <solo/adapters/registry.hpp>
#include <solo/adapters/solo/causal_taps.hpp>
#include <solo/adapters/solo/config.hpp>
#include <solo/adapters/solo/connection.hpp>
#include <solo/adapters/solo/enums.hpp>
#include <solo/adapters/solo/gate.hpp>
#include <solo/adapters/solo/link_scale.hpp>
#include <solo/adapters/tuning/bitfit.hpp>
#include <solo/adapters/tuning/layer_norm.hpp>
#include <solo/adapters/tuning/replacement.hpp>
#include <solo/adapters/tuning/tuning.hpp>
