// SPDX-License-Identifier: MIT
#include "process.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace solo::cli {

bool prepare_process() noexcept {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // open() takes the lowest free number, which is this one: those below are open by now.
    if (::open("/dev/null", O_RDWR) != stream) return false;
  }
  return std::signal(SIGXFSZ, SIG_IGN) != SIG_ERR;
}

}  // namespace solo::cli
