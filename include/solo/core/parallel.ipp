// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/core/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace solo::inline SOLO_ABI {

struct ThreadPool::Impl {
  explicit Impl(int size) : threads(size), errors(static_cast<std::size_t>(size)) {
    workers.reserve(static_cast<std::size_t>(size - 1));
    try {
      for (int i = 1; i < size; ++i) workers.emplace_back([this, i] { work(i); });
    } catch (...) {
      stop_workers();
      throw;
    }
  }
  ~Impl() { stop_workers(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void stop_workers() {
    {
      const std::scoped_lock lock(mutex);
      stopping = true;
      ++generation;
    }
    wake.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  /// Range number `part` of `threads` equal ones.
  void run_part(int part) noexcept {
    const Index begin = count * part / threads;
    const Index end = count * (part + 1) / threads;
    if (begin == end) return;
    try {
      task(context, begin, end);
    } catch (...) {
      errors[static_cast<std::size_t>(part)] = std::current_exception();
    }
  }

  void work(int part) {
    std::uint64_t seen = 0;
    for (;;) {
      {
        // Steps follow each other within microseconds, so look a little before going to sleep.
        for (int spin = 0; spin < 2000 && generation.load(std::memory_order_acquire) == seen;
             ++spin) {
          std::this_thread::yield();
        }
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return generation.load(std::memory_order_relaxed) != seen; });
        seen = generation.load(std::memory_order_relaxed);
        if (stopping) return;
      }
      run_part(part);
      if (pending.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::scoped_lock lock(mutex);
        done.notify_one();
      }
    }
  }

  int threads;
  std::vector<std::thread> workers;
  std::vector<std::exception_ptr> errors;
  std::atomic<bool> busy = false;  // a caller's work runs; no mutex, for a task may call in again
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable done;
  std::atomic<std::uint64_t> generation = 0;
  std::atomic<int> pending = 0;
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
  {
    const std::scoped_lock lock(pool.mutex);
    pool.task = task;
    pool.context = context;
    pool.count = count;
    pool.pending.store(pool.threads - 1, std::memory_order_relaxed);
    pool.generation.fetch_add(1, std::memory_order_release);
  }
  pool.wake.notify_all();
  pool.run_part(0);
  for (int spin = 0; spin < 2000 && pool.pending.load(std::memory_order_acquire) != 0; ++spin) {
    std::this_thread::yield();
  }
  {
    std::unique_lock lock(pool.mutex);
    pool.done.wait(lock, [&] { return pool.pending.load(std::memory_order_acquire) == 0; });
  }
  std::exception_ptr first;
  for (std::exception_ptr& error : pool.errors) {
    if (error && !first) first = error;
    error = nullptr;
  }
  pool.busy.store(false, std::memory_order_release);
  if (first) std::rethrow_exception(first);
}

}  // namespace solo::inline SOLO_ABI
