// SPDX-License-Identifier: MIT
/// @file
/// Checks of what a call throws: its type, its id and the names and values in its message.
#pragma once

#include <solo/core/error.hpp>

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

/// Requires that `call` throws an E with this id, whose message is fit for one line of output and
/// has all of `parts`.
template <class E, class F>
void check_throws(const F& call, std::string_view id, const std::vector<std::string>& parts) {
  try {
    static_cast<void>(call());
  } catch (const E& error) {
    const std::string message = error.what();
    CAPTURE(message);
    CHECK(error.id() == id);
    CHECK(message.size() < 1000);
    CHECK(message.find_first_of("\n\r") == std::string::npos);
    for (const std::string& part : parts) {
      CAPTURE(part);
      CHECK(message.find(part) != std::string::npos);
    }
    return;
  } catch (const std::exception& error) {
    FAIL("another exception, expected " << id << ": " << error.what());
  }
  FAIL("accepted, expected " << id);
}

}  // namespace solo::test
