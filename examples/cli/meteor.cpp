// SPDX-License-Identifier: MIT
#include "meteor.hpp"

#include <solo/io/file.hpp>
#include <solo/metrics/ptb_tokenizer.hpp>
#include <solo/text/white_space.hpp>

#include "external_program.hpp"

#include <charconv>
#include <cmath>

namespace solo::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// What the original does to a hypothesis: its bars would separate.
std::string without_bars(std::string text) {
  replace_all(text, "|||", "");
  replace_all(text, "  ", " ");
  return text;
}

/// The program, line by line.
class Conversation {
 public:
  explicit Conversation(const std::vector<std::string>& arguments)
      : name_(arguments[0]), program_(ExternalProgram::start(arguments)) {
    if (!program_) broken("it cannot be run");
  }

  std::string ask(const std::string& line) {
    tell(line);
    return answer();
  }
  void tell(const std::string& line) const {
    if (!program_->send(line + '\n')) broken("it has ended");
  }
  std::string answer() {
    std::size_t end = buffer_.find('\n');
    while (end == std::string::npos) {
      if (!program_->receive(buffer_)) broken("it ended without an answer");
      end = buffer_.find('\n');
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
  }
  [[noreturn]] void broken(std::string_view why) const {
    fail<IoError>("io.process", "METEOR: ", printable(name_), ": ", why);
  }

 private:
  std::string name_;
  std::optional<ExternalProgram> program_;
  std::string buffer_;
};

}  // namespace

MeteorProgram::MeteorProgram(std::string java, std::filesystem::path jar)
    : java_(std::move(java)), jar_(std::move(jar)) {}

double MeteorProgram::score(std::span<const std::vector<std::string>> references,
                            std::span<const std::string> hypotheses) const {
  Conversation meteor(
      {java_, "-Xmx2G", "-jar", jar_.string(), "-", "-", "-stdio", "-l", "en", "-norm"});
  std::string evaluation = "EVAL";
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    std::string line = "SCORE";
    for (const std::string& reference : references[i]) {
      line += " ||| " + joined(ptb_tokens(reference));
    }
    line += " ||| " + without_bars(joined(ptb_tokens(hypotheses[i])));
    evaluation += " ||| " + meteor.ask(line);
  }
  meteor.tell(evaluation);
  std::string last;
  for (std::size_t i = 0; i <= hypotheses.size(); ++i) last = meteor.answer();  // the corpus last
  double score = 0.0;
  const auto result = std::from_chars(last.data(), last.data() + last.size(), score);
  if (result.ec != std::errc{} || result.ptr != last.data() + last.size() ||
      !std::isfinite(score)) {
    meteor.broken(concat("expected a score, found ", quoted(std::string_view(last), 60)));
  }
  return score;
}

void MeteorArguments::add_to(CLI::App& app) {
  add_path(app, "--meteor-jar", jar, "METEOR's official program, meteor-1.5.jar; without it n/a");
  app.add_option("--java", java, "the Java that runs it")->capture_default_str();
}

MeteorProgram MeteorArguments::program() const {
  if (jar.empty()) return {};
  (void)InputFile(jar);
  return {java, jar};
}

}  // namespace solo::cli
