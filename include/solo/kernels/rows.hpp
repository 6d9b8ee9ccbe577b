// SPDX-License-Identifier: MIT
/// @file
/// Row ranges over the thread pool.
#pragma once

#include <solo/core/parallel.hpp>

namespace solo::inline SOLO_ABI::detail {

/// Elements below which waking the other threads costs more than they save.
inline constexpr Index kSerialElements = 8192;

/// f(begin, end) over [0, rows): in one piece when rows · cols is small.
template <class F>
void for_rows(ThreadPool& pool, Index rows, Index cols, const F& f) {
  if (rows <= 0) return;
  if (rows * cols < kSerialElements) {
    f(Index{0}, rows);
  } else {
    pool.for_ranges(rows, f);
  }
}

}  // namespace solo::inline SOLO_ABI::detail
