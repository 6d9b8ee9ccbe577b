// SPDX-License-Identifier: MIT
#include <solo/core/error.hpp>
#include <solo/core/parallel.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <ctime>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using solo::Index;
using solo::ThreadPool;

TEST_CASE("every index is visited exactly once", "[core]") {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    REQUIRE(pool.threads() == threads);
    for (const Index count : {0, 1, 2, 3, 6, 7, 8, 100, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
      pool.for_each(count, [&](Index i) { ++visits[static_cast<std::size_t>(i)]; });
      int wrong = 0;
      for (const std::atomic<int>& n : visits) wrong += n == 1 ? 0 : 1;
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("ranges are a partition in at most threads() parts", "[core]") {
  ThreadPool pool(4);
  for (const Index count : {1, 3, 4, 5, 1001}) {
    std::mutex mutex;
    std::set<std::pair<Index, Index>> ranges;
    pool.for_ranges(count, [&](Index begin, Index end) {
      const std::scoped_lock lock(mutex);
      ranges.emplace(begin, end);
    });
    CHECK(ranges.size() <= 4);
    Index next = 0;
    for (const auto& [begin, end] : ranges) {
      CHECK(begin == next);
      CHECK(end > begin);
      next = end;
    }
    CHECK(next == count);
  }
}

TEST_CASE("the work really runs on several threads, the caller among them", "[core]") {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  pool.for_each(3, [&](Index) {
    const std::scoped_lock lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  CHECK(ids.size() == 3);
  CHECK(ids.count(std::this_thread::get_id()) == 1);
}

TEST_CASE("the exception of the lowest range reaches the caller, and the pool goes on", "[core]") {
  ThreadPool pool(3);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> finished = 0;
    try {
      pool.for_each(3, [&](Index i) {
        ++finished;
        if (i >= 1) throw std::runtime_error(std::to_string(i));
      });
      FAIL("nothing was thrown");
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()) == "1");
    }
    CHECK(finished == 3);
    std::atomic<Index> sum = 0;
    pool.for_each(10, [&](Index i) { sum += i; });
    CHECK(sum == 45);
  }
}

TEST_CASE("an exception on a single thread leaves the pool usable", "[core]") {
  ThreadPool pool(1);
  CHECK_THROWS_AS(pool.for_each(2, [](Index) { throw std::runtime_error("x"); }),
                  std::runtime_error);
  int calls = 0;
  pool.for_each(2, [&](Index) { ++calls; });
  CHECK(calls == 2);
}

TEST_CASE("a task may use its pool again", "[core]") {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> visits(100);
  pool.for_each(10, [&](Index i) {
    pool.for_each(10, [&](Index j) { ++visits[static_cast<std::size_t>(10 * i + j)]; });
  });
  int wrong = 0;
  for (const std::atomic<int>& n : visits) wrong += n == 1 ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("several threads may use one pool at once", "[core]") {
  ThreadPool pool(2);
  constexpr int kCallers = 4;
  std::vector<Index> sums(kCallers, 0);
  std::vector<std::thread> callers;
  for (int c = 0; c < kCallers; ++c) {
    callers.emplace_back([&pool, &sum = sums[static_cast<std::size_t>(c)], c] {
      for (int round = 0; round < 200; ++round) {
        std::vector<Index> squares(50);
        pool.for_each(50, [&](Index i) { squares[static_cast<std::size_t>(i)] = i * i + c; });
        for (const Index square : squares) sum += square;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (int c = 0; c < kCallers; ++c) {
    CHECK(sums[static_cast<std::size_t>(c)] == 200 * (40425 + 50 * Index{c}));
  }
}

TEST_CASE("many short calls and many short-lived pools", "[core]") {
  for (int p = 0; p < 20; ++p) {
    ThreadPool pool(3);
    std::atomic<Index> sum = 0;
    for (int call = 0; call < 50; ++call) pool.for_each(4, [&](Index i) { sum += i; });
    REQUIRE(sum == 300);
  }
  const ThreadPool never_used(4);
}

TEST_CASE("threads that have gone to sleep wake up, again and again", "[core]") {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::vector<std::thread::id> ids(3);
    pool.for_each(3, [&](Index i) {
      ids[static_cast<std::size_t>(i)] = std::this_thread::get_id();
      // The caller, done first, sleeps too.
      if (i != 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    });
    CHECK(std::set<std::thread::id>(ids.begin(), ids.end()).size() == 3);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_THROWS_AS(pool.for_each(3, [](Index) { throw std::runtime_error("x"); }),
                  std::runtime_error);
}

TEST_CASE("an idle pool uses no processor time", "[core]") {
  ThreadPool pool(4);
  pool.for_each(4, [](Index) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // they have gone to sleep
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const double seconds = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  CHECK(seconds < 0.05);
}

TEST_CASE("ranges of the largest count follow each other to its end", "[core]") {
  ThreadPool pool(3);
  constexpr Index kMost = std::numeric_limits<Index>::max();
  std::mutex mutex;
  std::set<std::pair<Index, Index>> ranges;
  pool.for_ranges(kMost, [&](Index begin, Index end) {
    const std::scoped_lock lock(mutex);
    ranges.emplace(begin, end);
  });
  REQUIRE(ranges.size() == 3);
  Index next = 0;
  for (const auto& [begin, end] : ranges) {
    CHECK(begin == next);
    CHECK(end > begin);
    next = end;
  }
  CHECK(next == kMost);
}

TEST_CASE("a thread count out of range is refused", "[core]") {
  for (const int threads : {-1, 1025, -2147483647}) {
    try {
      const ThreadPool pool(threads);
      FAIL("accepted " << threads);
    } catch (const solo::ConfigError& error) {
      CHECK(error.id() == "config.threads");
      CHECK(std::string(error.what()).find(std::to_string(threads)) != std::string::npos);
    }
  }
  CHECK(ThreadPool().threads() >= 1);
}
