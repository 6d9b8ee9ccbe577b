// SPDX-License-Identifier: MIT
/// @file
/// LoRA and DoRA.
#pragma once

#include <solo/adapters/lora/adapter.hpp>
#include <solo/adapters/lora/config.hpp>
#include <solo/adapters/lora/dora_update.hpp>
#include <solo/adapters/lora/low_rank.hpp>
#include <solo/adapters/lora/low_rank_update.hpp>
#include <solo/adapters/lora/peft_form.hpp>
#include <solo/adapters/lora/plan.hpp>
#include <solo/adapters/lora/start.hpp>
#include <solo/adapters/lora/tables.hpp>
