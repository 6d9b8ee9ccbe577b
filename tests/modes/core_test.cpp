// SPDX-License-Identifier: MIT
/// @file
/// Built against the header-only and against the compiled library.
#include <solo/core/core.hpp>

#include "support/catch.hpp"

TEST_CASE("the thread pool works in this mode", "[modes]") {
  solo::ThreadPool pool(3);
  solo::Tensor<double> squares({100});
  pool.for_each(squares.size(),
                [&](solo::Index i) { squares.data()[i] = static_cast<double>(i * i); });
  for (solo::Index i = 0; i < squares.size(); ++i) {
    REQUIRE(squares.data()[i] == static_cast<double>(i * i));
  }
  REQUIRE_THROWS_AS(solo::ThreadPool(-1), solo::ConfigError);
}
