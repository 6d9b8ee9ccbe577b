// SPDX-License-Identifier: MIT
/// @file
/// Options and log entries as JSON, for the files of a run.
#pragma once

#include <solo/io/json.hpp>
#include <solo/train/train_info.hpp>
#include <solo/train/trainer_options.hpp>

namespace solo::inline SOLO_ABI::detail {

/// Its step, epoch and what else it has.
[[nodiscard]] Json to_json(const LogEntry& entry);
/// All options but where the files are and extra_args.
[[nodiscard]] Json to_json(const TrainerOptions& options);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/train/train_json.ipp>  // IWYU pragma: keep
#endif
