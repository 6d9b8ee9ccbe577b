// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Tells the CPU that this is a loop that waits.
inline void pause_spinning() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

}  // namespace detail

struct ThreadPool::Impl {
  explicit Impl(int size)
      : threads(size),
        pauses(size <= static_cast<int>(std::thread::hardware_concurrency()) ? kPauses : 0),
        errors(static_cast<std::size_t>(size)) {
    workers.reserve(static_cast<std::size_t>(size - 1));
    try {
      for (int i = 1; i < size; ++i) workers.emplace_back([this, i] { work(i); });
    } catch (const std::system_error& e) {  // limits of processes or memory
      stop_workers();
      fail<ConfigError>("config.threads", "threads: the system starts ", workers.size() + 1,
                        " of the ", size, " asked for: ", e.code().message());
    } catch (...) {
      stop_workers();
      throw;
    }
  }
  ~Impl() { stop_workers(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void stop_workers() {
    stopping = true;
    start();
    for (std::thread& worker : workers) worker.join();
  }

  void start() {
    generation.fetch_add(1);
    generation.notify_all();
  }

  /// Range number `part` of `threads` equal ones.
  void run_part(int part) noexcept {
    const Index each = count / threads;  // count · threads may be beyond an Index
    const Index rest = count % threads;
    const Index begin = each * part + rest * part / threads;
    const Index end = each * (part + 1) + rest * (part + 1) / threads;
    if (begin == end) return;
    try {
      task(context, begin, end);
    } catch (...) {
      errors[static_cast<std::size_t>(part)] = std::current_exception();
    }
  }

  /// Waits until over(value of x). Steps follow each other within microseconds, so it looks for
  /// about a millisecond before it sleeps; now and then it lets other threads run, for the one it
  /// waits for may have been given this core.
  template <class F>
  void await(const std::atomic<int>& x, const F& over) const {
    for (int round = 0; round < kRounds; ++round) {
      for (int spin = 0; spin < pauses; ++spin) {
        if (over(x.load(std::memory_order_acquire))) return;
        detail::pause_spinning();
      }
      if (over(x.load(std::memory_order_acquire))) return;
      std::this_thread::yield();
    }
    for (int value = x.load(); !over(value); value = x.load()) x.wait(value);
  }

  void work(int part) {
    for (int seen = 0;;) {
      await(generation, [seen](int now) { return now != seen; });
      seen = generation.load(std::memory_order_acquire);
      if (stopping) return;
      run_part(part);
      if (pending.fetch_sub(1) == 1) pending.notify_one();
    }
  }

  static constexpr int kPauses = 32;
  static constexpr int kRounds = 500;

  int threads;
  int pauses;  // none where threads outnumber the cores
  std::vector<std::thread> workers;
  std::vector<std::exception_ptr> errors;
  std::atomic<bool> busy = false;  // a caller's work runs; no mutex, for a task may call in again
  alignas(64) std::atomic<int> generation = 0;
  alignas(64) std::atomic<int> pending = 0;
  bool stopping = false;
  Task task = nullptr;
  const void* context = nullptr;
  Index count = 0;
};

SOLO_INLINE ThreadPool::ThreadPool(int threads) {
  if (threads < 0 || threads > 1024) {
    fail<ConfigError>("config.threads", "threads: expected 0 (all cores) to 1024, found ", threads);
  }
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  impl_ = std::make_unique<Impl>(threads == 0 ? std::clamp(cores, 1, 1024) : threads);
}

SOLO_INLINE ThreadPool::~ThreadPool() = default;

SOLO_INLINE int ThreadPool::threads() const noexcept {
  return impl_->threads;
}

SOLO_INLINE void ThreadPool::run(Index count, Task task, const void* context) {
  if (count <= 0) return;
  Impl& pool = *impl_;
  if (pool.threads == 1 || count == 1 || pool.busy.exchange(true, std::memory_order_acquire)) {
    task(context, 0, count);
    return;
  }
  pool.task = task;
  pool.context = context;
  pool.count = count;
  pool.pending.store(pool.threads - 1, std::memory_order_relaxed);
  pool.start();
  pool.run_part(0);
  pool.await(pool.pending, [](int left) { return left == 0; });
  std::exception_ptr first;
  for (std::exception_ptr& error : pool.errors) {
    if (error && !first) first = error;
    error = nullptr;
  }
  pool.busy.store(false, std::memory_order_release);
  if (first) std::rethrow_exception(first);
}

}  // namespace solo::inline SOLO_ABI
