// SPDX-License-Identifier: MIT
/// @file
/// METEOR by its official program, a Java archive.
#pragma once

#include <solo/core/scalar.hpp>

#include "external_program.hpp"
#include "program.hpp"

#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace solo::cli {

/// What METEOR 1.5 counts in a text against the closest of its references, in the program's order:
/// words of text and reference, function words of both; then of each of four ways to match the
/// content words and the function words matched, of text and reference; chunks; matched words of
/// both.
using MeteorCounts = std::array<double, 23>;

/// The program while it runs. Everything throws IoError "io.process" when it does not answer as it
/// should.
class MeteorSession {
 public:
  /// Throws when it cannot be run.
  explicit MeteorSession(const std::vector<std::string>& arguments);

  /// Of each hypothesis against its group of references, as e2e-metrics puts them.
  [[nodiscard]] std::vector<MeteorCounts> counts(
      std::span<const std::vector<std::string>> references,
      std::span<const std::string> hypotheses);
  [[nodiscard]] double score(const MeteorCounts& counts);
  /// Of the texts with these numbers together, some perhaps more than once.
  [[nodiscard]] double score(std::span<const MeteorCounts> texts, std::span<const Index> numbers);
  /// Of all texts together.
  [[nodiscard]] double score(std::span<const MeteorCounts> texts);

 private:
  std::string ask(const std::string& line);
  void tell(const std::string& line) const;
  std::string answer();
  void read_numbers(const std::string& line, std::span<double> numbers) const;
  [[noreturn]] void broken(std::string_view why) const;

  std::string name_;
  std::optional<ExternalProgram> program_;
  std::string buffer_;
};

/// How to run METEOR, as e2e-metrics does: `java -jar JAR - - -stdio -l en -norm`.
class MeteorProgram {
 public:
  /// No program: METEOR is not computed.
  MeteorProgram() = default;
  MeteorProgram(std::string java, std::filesystem::path jar);

  /// Nothing when there is no program.
  [[nodiscard]] std::optional<MeteorSession> start() const;

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
