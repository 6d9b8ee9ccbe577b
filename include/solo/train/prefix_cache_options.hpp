// SPDX-License-Identifier: MIT
/// @file
/// Options and results of the prefix cache.
#pragma once

#include <solo/core/scalar.hpp>

#include <cstdint>
#include <filesystem>

namespace solo::inline SOLO_ABI {

/// Where a training run keeps what the frozen prefix gave for each example.
enum class PrefixCacheMode { off, memory, file };

/// How Trainer keeps the outputs of the model's frozen prefix from epoch to epoch.
struct PrefixCacheOptions {
  PrefixCacheMode mode = PrefixCacheMode::off;
  std::filesystem::path file = {};  ///< with PrefixCacheMode::file; made if it is not there
  /// float32: in full, as computed, so that the cache changes no bit; or bfloat16: rounded, also
  /// where the outputs have just been computed, so that nothing depends on what the cache holds.
  DType dtype = DType::float32;
  /// Examples beyond it, in the order of the data, are computed each time.
  std::int64_t max_bytes = std::int64_t{4} << 30;
  bool rebuild = false;  ///< replace the file, if it is a prefix cache, damaged or not
};

/// What a cache did in a run.
struct PrefixCacheInfo {
  int blocks = 0;            ///< that need not be computed
  Index rows_read = 0;       ///< token rows whose prefix was read
  Index rows_computed = 0;   ///< token rows whose prefix was computed
  std::int64_t bytes = 0;    ///< held at the end, in memory or in the file
  Index rows_left_out = 0;   ///< of one pass over the data: beyond max_bytes, never kept
  Index damaged_pieces = 0;  ///< pieces of a file whose checksums were wrong: computed again
};

}  // namespace solo::inline SOLO_ABI
