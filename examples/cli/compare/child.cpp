// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <solo/io/file.hpp>

#include "../stop_signals.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <iostream>
#include <new>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace solo::cli {
namespace {

volatile std::sig_atomic_t signal_passed = 0;
volatile std::sig_atomic_t child_process = 0;

extern "C" void pass_on(int signal) {
  const int saved = errno;
  signal_passed = signal;
  if (child_process != 0) ::kill(static_cast<pid_t>(child_process), signal);
  errno = saved;
}

/// One command line, parsed: the command and what it refers to.
struct Parsed {
  CLI::App program;
  Common common;
  Command command;

  Parsed(AddCommand add, const std::vector<std::string>& words) {
    common.command = words;
    common.command.insert(common.command.begin(), "solo");
    command = add(program, common);
    finish_options(*command.app);
    try {
      program.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::ParseError& e) {
      throw UsageError(e.what());
    }
  }
};

/// The command itself, in the child: its status, and the error as "id\nmessage".
int run_parsed(AddCommand add, const std::vector<std::string>& words, std::string& error) {
  try {
    Parsed parsed(add, words);
    parsed.command.run();
    std::cout.flush();
    if (!std::cout) fail<IoError>("io.write", "stdout: cannot write");
    return 0;
  } catch (const Stopped& stopped) {
    return 128 + stopped.signal;
  } catch (const Error& e) {
    error = concat(e.id(), '\n', e.what());
  } catch (const std::bad_alloc&) {
    error = "\nout of memory";
  } catch (const std::exception& e) {
    error = concat('\n', e.what());
  }
  return 1;
}

[[noreturn]] void be_child(AddCommand add, const std::vector<std::string>& words,
                           const detail::FileDescriptor& out, const detail::FileDescriptor& pipe) {
  std::string error;
  int status = 1;
  if (::dup2(out.get(), STDOUT_FILENO) < 0) {
    error = "io.write\nstdout: cannot be redirected";
  } else {
    status = run_parsed(add, words, error);
  }
  std::cout.flush();
  std::cerr.flush();
  for (std::size_t at = 0; at < error.size();) {
    const ssize_t n = ::write(pipe.get(), error.data() + at, error.size() - at);
    if (n <= 0) break;
    at += static_cast<std::size_t>(n);
  }
  ::_exit(status);
}

std::string read_all(const detail::FileDescriptor& pipe) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(pipe.get(), buffer.data(), buffer.size());
    if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return text;
  }
}

/// Stop signals go to the child while it lives, and wait while it is being made.
class PassSignals {
 public:
  PassSignals() : handlers_(pass_on) {
    sigset_t all;
    ::sigemptyset(&all);
    for (const int signal : kStopSignals) ::sigaddset(&all, signal);
    ::sigprocmask(SIG_BLOCK, &all, &before_);
  }
  ~PassSignals() {
    child_process = 0;
    restore();
  }
  PassSignals(const PassSignals&) = delete;
  PassSignals& operator=(const PassSignals&) = delete;

  void to(pid_t child) {
    child_process = static_cast<std::sig_atomic_t>(child);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  /// As it was before.
  void restore() {
    handlers_.restore();
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  SignalHandlers handlers_;
  sigset_t before_ = {};
};

}  // namespace

void check_command(AddCommand add, const std::vector<std::string>& words) {
  const Parsed parsed(add, words);
  if (parsed.command.check) parsed.command.check();
}

ChildResult run_command(AddCommand add, const std::vector<std::string>& words,
                        const std::filesystem::path& out) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail<IoError>("io.process", "cannot make a pipe");
  const detail::FileDescriptor reading(ends[0]);
  detail::FileDescriptor writing(ends[1]);
  const detail::FileDescriptor file(
      ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
  if (!file.open()) fail<IoError>("io.create", display_name(out), ": cannot be created");

  std::cout.flush();
  std::cerr.flush();
  const auto begin = std::chrono::steady_clock::now();
  PassSignals signals;
  const pid_t child = ::fork();
  if (child < 0) fail<IoError>("io.process", "cannot make a process");
  if (child == 0) {
    ::setpgid(0, 0);  // a terminal's Ctrl-C reaches it through the parent alone, once
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    signals.restore();
    be_child(add, words, file, writing);
  }
  signals.to(child);
  writing = detail::FileDescriptor();
  std::string error = read_all(reading);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }

  ChildResult result;
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  const std::size_t end = std::min(error.find('\n'), error.size());
  result.error_id = error.substr(0, end);
  result.error = error.substr(std::min(end + 1, error.size()));
  if (result.status > 128 && result.error.empty() && signal_passed == 0) {
    result.error = concat("ended by signal ", result.status - 128);
  }
  return result;
}

int passed_signal() noexcept {
  return signal_passed;
}

}  // namespace solo::cli
