// SPDX-License-Identifier: MIT
/// @file
/// METEOR by its official program, a Java archive.
#pragma once

#include "program.hpp"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace solo::cli {

/// METEOR of texts, as e2e-metrics calls the program: `java -jar JAR - - -stdio -l en -norm`.
class MeteorProgram {
 public:
  /// No program: METEOR is not computed.
  MeteorProgram() = default;
  MeteorProgram(std::string java, std::filesystem::path jar);

  explicit operator bool() const noexcept { return !jar_.empty(); }
  /// The corpus score of as many hypotheses as groups of references. Throws IoError "io.process"
  /// when the program cannot be run, or does not answer as it should.
  [[nodiscard]] double score(std::span<const std::vector<std::string>> references,
                             std::span<const std::string> hypotheses) const;

 private:
  std::string java_;
  std::filesystem::path jar_;
};

/// --meteor-jar and --java.
struct MeteorArguments {
  std::filesystem::path jar = {};
  std::string java = "java";

  void add_to(CLI::App& app);
  /// Throws IoError "io.open" for a jar that is not there.
  [[nodiscard]] MeteorProgram program() const;
};

}  // namespace solo::cli
