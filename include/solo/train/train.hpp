// SPDX-License-Identifier: MIT
/// @file
/// Everything of train/.
#pragma once

#include <solo/train/checkpoint.hpp>
#include <solo/train/checkpoint_keeper.hpp>
#include <solo/train/evaluation_history.hpp>
#include <solo/train/link_log.hpp>
#include <solo/train/log_rows.hpp>
#include <solo/train/lora_e2e.hpp>
#include <solo/train/make_optimizer.hpp>
#include <solo/train/memory_forecast.hpp>
#include <solo/train/peak_memory.hpp>
#include <solo/train/prefix_cache.hpp>
#include <solo/train/prefix_cache_options.hpp>
#include <solo/train/prefix_layout.hpp>
#include <solo/train/prefix_store.hpp>
#include <solo/train/progress.hpp>
#include <solo/train/recipe.hpp>
#include <solo/train/result_files.hpp>
#include <solo/train/run_batches.hpp>
#include <solo/train/run_identity.hpp>
#include <solo/train/run_state.hpp>
#include <solo/train/train_check.hpp>
#include <solo/train/train_info.hpp>
#include <solo/train/train_json.hpp>
#include <solo/train/train_log.hpp>
#include <solo/train/train_plan.hpp>
#include <solo/train/trainer.hpp>
#include <solo/train/trainer_options.hpp>
