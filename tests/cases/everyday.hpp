// SPDX-License-Identifier: MIT
/// @file
/// The everyday cases of ../shared: folders, adapters and texts as people have them, with the
/// values of transformers and peft.
#pragma once

#include "cli/program.hpp"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

namespace solo::test {

/// The folder of the cases and a folder for results.
class Everyday {
 public:
  [[nodiscard]] static bool there() {
    const auto shared = shared_dir();
    return shared && std::filesystem::is_directory(*shared / "cases" / "everyday");
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (root_ / name).string(); }
  [[nodiscard]] std::string model(const std::string& name) const { return file("models/" + name); }
  /// A path for results, below a folder that was empty.
  [[nodiscard]] std::string output(const std::string& name) const {
    return (dir_.path() / name).string();
  }
  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) const {
    return solo_program(dir_, std::move(arguments), input);
  }
  /// A line of the shell, in which $SOLO is the program, $E the cases and $O the folder for
  /// results.
  Outcome shell(const std::string& line) const {
    const std::string script = "SOLO='" + program()->string() + "'; E='" + root_.string() +
                               "'; O='" + dir_.path().string() + "'; " + line;
    return run_program(dir_, {"/bin/bash", "-c", script});
  }

 private:
  std::filesystem::path root_ = *shared_dir() / "cases" / "everyday";
  TempDir dir_;
};

/// The number `key` of what --json printed.
inline double number_of(const Outcome& o, const std::string& key) {
  INFO("stdout: " << o.out << "\nstderr: " << o.err);
  REQUIRE(o.status == 0);
  return o.json().at(key).get<double>();
}

inline void check_number(const Outcome& o, const std::string& key, double value, double within) {
  const double found = number_of(o, key);
  INFO(key << ": expected " << value << ", found " << found);
  CHECK(std::abs(found - value) <= within);
}

/// Losses of torch in float32.
inline constexpr double kLossWithin = 3e-5;

/// One warning on stderr with `part` in it, and success.
inline void check_warning(const Outcome& o, const std::string& part) {
  INFO("stdout: " << o.out << "\nstderr: " << o.err);
  CHECK(o.status == 0);
  CHECK(o.err.find("warning: ") != std::string::npos);
  CHECK(o.err.find(part) != std::string::npos);
}

/// The objects of JSON lines.
inline std::vector<Json> json_lines(const Outcome& o) {
  INFO("stderr: " << o.err);
  REQUIRE(o.status == 0);
  std::vector<Json> lines;
  for (std::size_t begin = 0; begin < o.out.size();) {
    const std::size_t end = std::min(o.out.find('\n', begin), o.out.size());
    lines.push_back(parse_json(o.out.substr(begin, end - begin), "stdout"));
    begin = end + 1;
  }
  return lines;
}

}  // namespace solo::test

#define SOLO_NEEDS_EVERYDAY \
  SOLO_NEEDS_PROGRAM;       \
  if (!::solo::test::Everyday::there()) SOLO_SKIP("needs ../shared/cases/everyday")
