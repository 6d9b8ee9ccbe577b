// SPDX-License-Identifier: MIT
/// @file
/// Where the committed reference values are.
#pragma once

#include "support/shared.hpp"

namespace solo::test {

/// tests/golden of the source tree.
inline std::filesystem::path golden_dir() {
  return source_dir() / "tests" / "golden";
}

}  // namespace solo::test
