// SPDX-License-Identifier: MIT
#include "external_program.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

extern "C" char** environ;  // NOLINT(readability-redundant-declaration): POSIX has it in no header

namespace solo::cli {

std::optional<ExternalProgram> ExternalProgram::start(std::vector<std::string> arguments) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return {};
  detail::FileDescriptor ours(ends[0]);
  const detail::FileDescriptor theirs(ends[1]);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return {};
  return ExternalProgram(std::move(ours), process);
}

ExternalProgram::ExternalProgram(ExternalProgram&& other) noexcept
    : socket_(std::move(other.socket_)), process_(std::exchange(other.process_, 0)) {}

ExternalProgram::~ExternalProgram() {
  if (process_ == 0) return;
  ::kill(process_, SIGTERM);
  (void)succeeded();
}

bool ExternalProgram::send(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void ExternalProgram::end_input() const {
  ::shutdown(socket_.get(), SHUT_WR);
}

ExternalProgram& ExternalProgram::operator=(ExternalProgram&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(process_, other.process_);
  return *this;
}

bool ExternalProgram::receive(std::string& text) const {
  std::array<char, 65536> piece{};
  for (;;) {
    const ssize_t n = ::recv(socket_.get(), piece.data(), piece.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.append(piece.data(), static_cast<std::size_t>(n));
    return true;
  }
}

bool ExternalProgram::succeeded() {
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace solo::cli
