// SPDX-License-Identifier: MIT
/// @file
/// A small thread pool: static partition, the caller takes part, exceptions travel to the caller.
#pragma once

#include <solo/core/config.hpp>
#include <solo/core/scalar.hpp>

#include <memory>
#include <type_traits>

namespace solo::inline SOLO_ABI {

/// Runs index ranges on a fixed number of threads. Which indices share a thread depends on the
/// thread count, so callers write each result from one index only; then results do not depend on
/// it. Safe to use from several threads at once: a caller that finds the pool busy does its work
/// alone.
class ThreadPool {
 public:
  /// `threads` >= 1, the caller included; 0 takes the number of cores. Throws ConfigError
  /// ("config.threads") below 0 or over 1024, and when the system does not start so many.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int threads() const noexcept;

  /// Calls f(begin, end) over a partition of [0, count) into at most threads() ranges and waits for
  /// all of them. The first exception (lowest range) is thrown again here.
  template <class F>
  void for_ranges(Index count, const F& f) {
    run(
        count,
        [](const void* context, Index begin, Index end) {
          (*static_cast<const F*>(context))(begin, end);
        },
        &f);
  }

  /// Calls f(i) for every i in [0, count).
  template <class F>
  void for_each(Index count, const F& f) {
    for_ranges(count, [&f](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) f(i);
    });
  }

 private:
  using Task = void (*)(const void* context, Index begin, Index end);
  void run(Index count, Task task, const void* context);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/core/parallel.ipp>  // IWYU pragma: keep
#endif
