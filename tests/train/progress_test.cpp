// SPDX-License-Identifier: MIT
#include <solo/train/peak_memory.hpp>
#include <solo/train/progress.hpp>

#include "support/catch.hpp"

#include <limits>
#include <vector>

TEST_CASE("a progress line shows share, rate, time left and losses", "[train]") {
  CHECK(solo::progress_line({.step = 126,
                             .max_steps = 300,
                             .seconds = 31.0,
                             .loss = 2.34561,
                             .eval_loss = 2.40121,
                             .examples_per_second = 32.51,
                             .width = 100}) ==
        " 42% |#########--------------| 126/300 [00:31<00:43, 4.06 step/s, 32.5 ex/s] loss 2.3456 "
        "eval 2.4012");
  CHECK(solo::progress_line({.step = 300, .max_steps = 300, .seconds = 10.0, .width = 60}) ==
        "100% |##################| 300/300 [00:10<00:00, 30.0 step/s]");
  CHECK(solo::progress_line({.step = 0, .max_steps = 5, .width = 40}) ==
        "  0% |---------------| 0/5 [00:00<--:--]");
}

TEST_CASE("a progress line fits its width or goes without the bar", "[train]") {
  for (int width = 10; width < 200; ++width) {
    const std::string line = solo::progress_line(
        {.step = 7, .max_steps = 9, .seconds = 3.0, .loss = 1.0, .width = width});
    if (line.find('|') != std::string::npos) {
      CHECK(line.size() == static_cast<std::size_t>(width));
    } else {
      CHECK(width < 70);
    }
  }
  CHECK(solo::progress_line({.step = 7, .max_steps = 9, .seconds = 3.0, .width = 0}) ==
        " 77% 7/9 [00:03<00:01, 2.33 step/s]");
}

TEST_CASE("a run that goes on is as fast as its own steps", "[train]") {
  CHECK(solo::progress_line(
            {.step = 60, .max_steps = 100, .first_step = 50, .seconds = 5.0, .width = 0}) ==
        " 60% 60/100 [00:05<00:20, 2.00 step/s]");
}

TEST_CASE("a progress line of odd numbers is a line", "[train]") {
  CHECK(solo::progress_line({.step = 9, .max_steps = 3, .width = 0}) == "100% 3/3 [00:00<--:--]");
  CHECK(solo::progress_line({.step = -4, .max_steps = -3, .width = 0}) == "100% 0/0 [00:00<--:--]");
  const double huge = std::numeric_limits<double>::max();
  CHECK(solo::progress_line({.step = 1, .max_steps = 2, .seconds = huge, .loss = huge, .width = 0})
            .find("[--:--<--:--") != std::string::npos);
}

TEST_CASE("durations", "[train]") {
  CHECK(solo::format_duration(0.4) == "00:00");
  CHECK(solo::format_duration(727.0) == "12:07");
  CHECK(solo::format_duration(11109.0) == "3:05:09");
  CHECK(solo::format_duration(-1.0) == "--:--");
  CHECK(solo::format_duration(std::numeric_limits<double>::quiet_NaN()) == "--:--");
}

TEST_CASE("peak memory grows with what is touched", "[train]") {
  const std::int64_t before = solo::peak_rss_bytes();
  const std::vector<char> block(static_cast<std::size_t>(before) + (64U << 20U), 'x');
  const std::int64_t after = solo::peak_rss_bytes();
  CHECK(before > (1 << 20));
  CHECK(after - before > (32 << 20));
  CHECK(block[block.size() / 2] == 'x');
}
