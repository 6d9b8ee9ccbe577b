// SPDX-License-Identifier: MIT
#include <solo/io/json.hpp>
#include <solo/optim/schedule.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <nlohmann/json.hpp>

TEST_CASE("schedules are transformers' get_scheduler", "[optim]") {
  const solo::Json golden = solo::read_json_file(solo::test::golden_dir() / "optim/schedules.json");
  std::size_t values = 0;
  for (const auto& entry : golden.at("schedules")) {
    const auto name = entry.at("name").get<std::string>();
    const solo::LrSchedule schedule{.kind = solo::lr_scheduler_from_name(name),
                                    .warmup_steps = entry.at("warmup_steps"),
                                    .max_steps = entry.at("max_steps")};
    for (std::size_t k = 0; k < entry.at("factors").size(); ++k) {
      CAPTURE(name, schedule.warmup_steps, schedule.max_steps, k);
      CHECK(schedule.factor(static_cast<std::int64_t>(k)) ==
            Approx(entry.at("factors")[k].get<double>()).epsilon(1e-15).margin(1e-16));
      ++values;
    }
  }
  CHECK(values == 4 * 6 * 22);
}

TEST_CASE("schedule names", "[optim]") {
  for (const solo::LrScheduler kind : solo::kLrSchedulers) {
    CHECK(solo::lr_scheduler_from_name(solo::to_string(kind)) == kind);
  }
  try {
    static_cast<void>(solo::lr_scheduler_from_name("polynomial"));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "config.value");
    CHECK(std::string(error.what()).find("'polynomial'") != std::string::npos);
  }
}
