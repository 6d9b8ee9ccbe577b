// SPDX-License-Identifier: MIT
/// @file
/// Peak memory of the process.
#pragma once

#include <solo/core/config.hpp>

#include <cstdint>

namespace solo::inline SOLO_ABI {

/// Largest resident set of this process so far (VmHWM of /proc/self/status); 0 where the system
/// does not say.
[[nodiscard]] std::int64_t peak_rss_bytes();

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/peak_memory.ipp>  // IWYU pragma: keep
#endif
