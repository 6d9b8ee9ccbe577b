// SPDX-License-Identifier: MIT
#include "meteor.hpp"

#include <solo/io/file.hpp>
#include <solo/metrics/ptb_tokenizer.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace solo::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

/// What the original does to a hypothesis: its bars would separate.
std::string without_bars(std::string text) {
  const auto replace = [&text](std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos;
         at = text.find(from, at + to.size())) {
      text.replace(at, from.size(), to);
    }
  };
  replace("|||", "");
  replace("  ", " ");
  return text;
}

/// A process to talk to, line by line, through a socket on its stdin and stdout.
class Conversation {
 public:
  explicit Conversation(std::vector<std::string> arguments) : name_(arguments[0]) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0) broken("cannot make a socket");
    ours_ = detail::FileDescriptor(ends[0]);
    const detail::FileDescriptor theirs(ends[1]);
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ < 0) broken("cannot make a process");
    if (child_ == 0) {
      const int nowhere = ::open("/dev/null", O_WRONLY);
      if (::dup2(theirs.get(), 0) >= 0 && ::dup2(theirs.get(), 1) >= 0 && ::dup2(nowhere, 2) >= 0) {
        ::close(ours_.get());
        ::execvp(argv[0], argv.data());
      }
      ::_exit(127);
    }
  }
  ~Conversation() {
    ours_ = detail::FileDescriptor();
    ::kill(child_, SIGTERM);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  std::string ask(const std::string& line) {
    tell(line);
    return answer();
  }
  void tell(const std::string& line) const {
    const std::string text = line + '\n';
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t n = ::send(ours_.get(), text.data() + at, text.size() - at, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) broken("it has ended");
      at += static_cast<std::size_t>(n);
    }
  }
  std::string answer() {
    for (;;) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      std::array<char, 4096> piece{};
      const ssize_t n = ::recv(ours_.get(), piece.data(), piece.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) broken("it ended without an answer");
      buffer_.append(piece.data(), static_cast<std::size_t>(n));
    }
  }
  [[noreturn]] void broken(std::string_view why) const {
    fail<IoError>("io.process", "METEOR: ", printable(name_), ": ", why);
  }

 private:
  std::string name_;
  detail::FileDescriptor ours_;
  pid_t child_ = -1;
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
