// SPDX-License-Identifier: MIT
/// @file
/// Data: sequences from files and lists, and batches of them.
#pragma once

#include <solo/data/batch.hpp>               // IWYU pragma: export
#include <solo/data/chat_template.hpp>       // IWYU pragma: export
#include <solo/data/collate.hpp>             // IWYU pragma: export
#include <solo/data/context_order.hpp>       // IWYU pragma: export
#include <solo/data/csv.hpp>                 // IWYU pragma: export
#include <solo/data/dataset.hpp>             // IWYU pragma: export
#include <solo/data/dataset_builder.hpp>     // IWYU pragma: export
#include <solo/data/dataset_options.hpp>     // IWYU pragma: export
#include <solo/data/e2e.hpp>                 // IWYU pragma: export
#include <solo/data/example.hpp>             // IWYU pragma: export
#include <solo/data/example_list.hpp>        // IWYU pragma: export
#include <solo/data/json_rows.hpp>           // IWYU pragma: export
#include <solo/data/lora_order.hpp>          // IWYU pragma: export
#include <solo/data/prompt_ids.hpp>          // IWYU pragma: export
#include <solo/data/references.hpp>          // IWYU pragma: export
#include <solo/data/row.hpp>                 // IWYU pragma: export
#include <solo/data/row_sink.hpp>            // IWYU pragma: export
#include <solo/data/sampler.hpp>             // IWYU pragma: export
#include <solo/data/tokenizer_training.hpp>  // IWYU pragma: export
#include <solo/data/windows.hpp>             // IWYU pragma: export
