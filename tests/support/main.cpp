// SPDX-License-Identifier: MIT
/// @file
/// main() of the Catch2 tests. ctest sets SOLO_SKIP_RETURN_CODE, and a run that skipped without a
/// failure ends with that code, so that a skipped test is listed as such and a failed one never is.
#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_RUNNER
#endif
#include "support/catch.hpp"

#include <cstdlib>
#include <iostream>

namespace {
int skipped = 0;
}

void solo::test::skip(const char* reason) {
  ++skipped;
  std::cout << "skipped: " << reason << std::endl;
}

int main(int argc, char** argv) {
  const int result = Catch::Session().run(argc, argv);
  if (result != 0) return 1;
  const char* skip_code = std::getenv("SOLO_SKIP_RETURN_CODE");
  return skipped != 0 && skip_code != nullptr ? std::atoi(skip_code) : 0;
}
