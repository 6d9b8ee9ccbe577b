// SPDX-License-Identifier: MIT
// Learning-rate schedules against transformers' get_scheduler.

#include <solo/optim/schedule.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

TEST_CASE("schedules: every factor is get_scheduler's", "[parity]") {
  for (const auto& c : solo::test::golden_cases("schedule")) {
    for (const solo::Json& entry : c.json.at("schedules")) {
      const solo::LrSchedule schedule{
          .kind = solo::lr_scheduler_from_name(entry.at("scheduler").get<std::string>()),
          .warmup_steps = entry.at("warmup_steps").get<std::int64_t>(),
          .max_steps = entry.at("max_steps").get<std::int64_t>()};
      const auto factors = entry.at("factors").get<std::vector<double>>();
      for (std::size_t k = 0; k < factors.size(); ++k) {
        INFO(entry.at("scheduler") << " of " << schedule.max_steps << ", warm-up "
                                   << schedule.warmup_steps << ", k = " << k);
        CHECK(std::abs(schedule.factor(static_cast<std::int64_t>(k)) - factors[k]) <= 1e-15);
      }
    }
  }
}
