// SPDX-License-Identifier: MIT
/// @file
/// Where tests find real models and data, the solo program and the source tree.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace solo::test {

/// The root of the source tree.
inline std::filesystem::path source_dir() {
  return SOLO_SOURCE_DIR;
}

/// The folder of real models and data: $SOLO_SHARED_DIR, or `shared` beside the source tree; empty
/// when there is none, and then the test says SOLO_SKIP("needs ../shared").
inline std::optional<std::filesystem::path> shared_dir() {
  const char* variable = std::getenv("SOLO_SHARED_DIR");
  const std::filesystem::path dir = variable != nullptr && *variable != '\0'
                                        ? std::filesystem::path(variable)
                                        : source_dir().parent_path() / "shared";
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) return std::nullopt;
  return dir;
}

/// The built `solo` program; empty when the build has none.
inline std::optional<std::filesystem::path> program() {
#ifdef SOLO_PROGRAM
  return std::filesystem::path(SOLO_PROGRAM);
#else
  return std::nullopt;
#endif
}

}  // namespace solo::test
