// SPDX-License-Identifier: MIT
/// @file
/// Log entries as rows of numbers: what a checkpoint holds of them, however many there are.
#pragma once

#include <solo/core/scalar.hpp>
#include <solo/train/train_info.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI::detail {

/// step, epoch, a bit for each optional number that is there, then those (0 where not): loss,
/// learning_rate, grad_norm, eval_loss.
using LogRow = std::array<double, 7>;

[[nodiscard]] LogRow to_row(const LogEntry& entry);
/// Throws FormatError ("checkpoint.log") naming `source` for a row that to_row() does not give.
[[nodiscard]] LogEntry from_row(std::span<const double> row, const std::string& source);
/// The rows of all entries, one after the other.
[[nodiscard]] std::vector<double> to_rows(std::span<const LogEntry> entries);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/train/log_rows.ipp>  // IWYU pragma: keep
#endif
