// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/train/log_rows.hpp>

#include <cmath>
#include <optional>

namespace solo::inline SOLO_ABI::detail {

/// The optional numbers, in the order of a row.
inline constexpr std::array<std::optional<double> LogEntry::*, 4> kLogNumbers = {
    &LogEntry::loss, &LogEntry::learning_rate, &LogEntry::grad_norm, &LogEntry::eval_loss};
inline constexpr std::size_t kLogFixed = std::tuple_size_v<LogRow> - kLogNumbers.size();

SOLO_INLINE LogRow to_row(const LogEntry& entry) {
  LogRow row = {static_cast<double>(entry.step), entry.epoch};
  unsigned there = 0;
  for (std::size_t i = 0; i < kLogNumbers.size(); ++i) {
    const std::optional<double>& number = entry.*kLogNumbers[i];
    if (number) there |= 1U << i;
    row[kLogFixed + i] = number.value_or(0.0);
  }
  row[2] = there;
  return row;
}

SOLO_INLINE LogEntry from_row(std::span<const double> row, const std::string& source) {
  const auto refuse = [&](double found) {
    fail<FormatError>("checkpoint.log", source, ": expected a row of a log, found ", found);
  };
  const auto whole = [&](double x, double end) {
    if (!(x >= 0.0 && x < end && x == std::trunc(x))) refuse(x);
    return x;
  };
  LogEntry entry{.step = static_cast<std::int64_t>(whole(row[0], 0x1p53)), .epoch = row[1]};
  const auto there = static_cast<unsigned>(whole(row[2], 1U << kLogNumbers.size()));
  for (std::size_t i = 0; i < kLogNumbers.size(); ++i) {
    if ((there >> i & 1U) != 0) entry.*kLogNumbers[i] = row[kLogFixed + i];
  }
  return entry;
}

SOLO_INLINE std::vector<double> to_rows(std::span<const LogEntry> entries) {
  std::vector<double> rows;
  rows.reserve(entries.size() * std::tuple_size_v<LogRow>);
  for (const LogEntry& entry : entries) {
    const LogRow row = to_row(entry);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  return rows;
}

}  // namespace solo::inline SOLO_ABI::detail
