// SPDX-License-Identifier: MIT
#include "meteor.hpp"

#include <solo/io/file.hpp>
#include <solo/metrics/ptb_tokenizer.hpp>
#include <solo/text/white_space.hpp>

#include <charconv>
#include <cmath>
#include <numeric>

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

constexpr std::size_t kTextWords = 0;
constexpr std::size_t kReferenceWords = 1;
constexpr std::size_t kMatches = 4;  // of text, of reference, and so on
constexpr std::size_t kChunks = 20;

/// Every word of text and reference is matched, in one piece.
bool is_word_for_word(const MeteorCounts& counts) {
  double in_text = 0.0;
  double in_reference = 0.0;
  for (std::size_t i = kMatches; i < kChunks; i += 2) {
    in_text += counts[i];
    in_reference += counts[i + 1];
  }
  return in_text == counts[kTextWords] && in_reference == counts[kReferenceWords] &&
         counts[kChunks] == 1.0;
}

/// What the program counts in several texts: the sums, but for the chunk of a text that is its
/// reference word for word, which is not counted.
MeteorCounts sum_counts(std::span<const MeteorCounts> texts, std::span<const Index> numbers) {
  MeteorCounts sum = {};
  for (const Index number : numbers) {
    const MeteorCounts& counts = texts[static_cast<std::size_t>(number)];
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
    if (is_word_for_word(counts)) sum[kChunks] -= 1.0;
  }
  return sum;
}

std::string line_of(const MeteorCounts& counts) {
  std::string line;
  for (const double n : counts) line += concat(line.empty() ? "" : " ", n);
  return line;
}

}  // namespace

MeteorSession::MeteorSession(const std::vector<std::string>& arguments)
    : name_(arguments[0]), program_(ExternalProgram::start(arguments)) {
  if (!program_) broken("it cannot be run");
}

std::string MeteorSession::ask(const std::string& line) {
  tell(line);
  return answer();
}

void MeteorSession::tell(const std::string& line) const {
  if (!program_->send(line + '\n')) broken("it has ended");
}

std::string MeteorSession::answer() {
  std::size_t end = buffer_.find('\n');
  while (end == std::string::npos) {
    if (!program_->receive(buffer_)) broken("it ended without an answer");
    end = buffer_.find('\n');
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

void MeteorSession::read_numbers(const std::string& line, std::span<double> numbers) const {
  const std::vector<std::string> words = split_white_space(line);
  bool good = words.size() == numbers.size();
  for (std::size_t i = 0; good && i < words.size(); ++i) {
    const char* const end = words[i].data() + words[i].size();
    const auto [stop, error] = std::from_chars(words[i].data(), end, numbers[i]);
    good = error == std::errc{} && stop == end && std::isfinite(numbers[i]);
  }
  if (good) return;
  broken(concat("expected ", numbers.size(), numbers.size() == 1 ? " number" : " numbers",
                ", found ", quoted(std::string_view(line), 60)));
}

void MeteorSession::broken(std::string_view why) const {
  fail<IoError>("io.process", "METEOR: ", printable(name_), ": ", why);
}

std::vector<MeteorCounts> MeteorSession::counts(
    std::span<const std::vector<std::string>> references, std::span<const std::string> hypotheses) {
  std::vector<MeteorCounts> all;
  for (std::size_t i = 0; i < hypotheses.size(); ++i) {
    std::string line = "SCORE";
    for (const std::string& reference : references[i]) {
      line += " ||| " + joined(ptb_tokens(reference));
    }
    line += " ||| " + without_bars(joined(ptb_tokens(hypotheses[i])));
    read_numbers(ask(line), all.emplace_back());
  }
  return all;
}

double MeteorSession::score(const MeteorCounts& counts) {
  tell("EVAL ||| " + line_of(counts));
  (void)answer();  // of the text itself; then of all texts, which are one
  double score = 0.0;
  read_numbers(answer(), {&score, 1});
  return score;
}

double MeteorSession::score(std::span<const MeteorCounts> texts, std::span<const Index> numbers) {
  return score(sum_counts(texts, numbers));
}

double MeteorSession::score(std::span<const MeteorCounts> texts) {
  std::vector<Index> all(texts.size());
  std::iota(all.begin(), all.end(), Index{0});
  return score(texts, all);
}

MeteorProgram::MeteorProgram(std::string java, std::filesystem::path jar)
    : java_(std::move(java)), jar_(std::move(jar)) {}

std::optional<MeteorSession> MeteorProgram::start() const {
  if (jar_.empty()) return {};
  return MeteorSession(
      {java_, "-Xmx2G", "-jar", jar_.string(), "-", "-", "-stdio", "-l", "en", "-norm"});
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
