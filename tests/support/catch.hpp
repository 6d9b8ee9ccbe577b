// SPDX-License-Identifier: MIT
/// @file
/// Catch2, version 3 or Debian's 2.13, under one include.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
namespace solo::test {
using Catch::Approx;
}
#else
#include <catch2/catch.hpp>
namespace solo::test {
using Catch::Detail::Approx;  // Catch::Approx is a matcher there
}
#endif

namespace solo::test {

/// Notes that a test case was left early and prints "skipped: <reason>".
void skip(const char* reason);

}  // namespace solo::test

/// Leaves the test case because something it needs is not there; ctest lists it as skipped.
#define SOLO_SKIP(reason)       \
  do {                          \
    ::solo::test::skip(reason); \
    return;                     \
  } while (false)
