// SPDX-License-Identifier: MIT
/// @file
/// A Python with torch, transformers and peft, when the environment names one in
/// SOLO_ORACLE_PYTHON.
#pragma once

#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>

namespace solo::test {

/// $SOLO_ORACLE_PYTHON, or empty.
inline std::string oracle_python() {
  const char* const python = std::getenv("SOLO_ORACLE_PYTHON");
  return python == nullptr ? std::string() : python;
}

/// Runs a script with these arguments, none of which may hold a quote; its status. Its stdout goes
/// to the file `out`, if one is named.
inline int run_python(const std::filesystem::path& script,
                      std::initializer_list<std::string> arguments = {},
                      const std::filesystem::path& out = {}) {
  // The models are tiny: more threads would only wait for each other.
  std::string command = "OMP_NUM_THREADS=1 \"" + oracle_python() + "\" \"" + script.string() + '"';
  for (const std::string& a : arguments) command += " \"" + a + '"';
  if (!out.empty()) command += " > \"" + out.string() + '"';
  return std::system(command.c_str());
}

}  // namespace solo::test

#define SOLO_NEEDS_ORACLE_PYTHON \
  if (::solo::test::oracle_python().empty()) SOLO_SKIP("needs SOLO_ORACLE_PYTHON")
