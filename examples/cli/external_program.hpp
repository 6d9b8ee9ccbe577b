// SPDX-License-Identifier: MIT
/// @file
/// Another program, talked to through its standard input and output.
#pragma once

#include <solo/io/file.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace solo::cli {

/// A process whose stdin and stdout are a socket; its stderr goes nowhere. Whatever still runs when
/// it is destroyed is ended.
class ExternalProgram {
 public:
  /// Starts `arguments`, the program found on the PATH; nothing if that is not possible.
  [[nodiscard]] static std::optional<ExternalProgram> start(std::vector<std::string> arguments);
  ~ExternalProgram();
  ExternalProgram(ExternalProgram&& other) noexcept;
  ExternalProgram& operator=(ExternalProgram&& other) noexcept;

  /// False when it takes no more.
  [[nodiscard]] bool send(std::string_view text) const;
  /// Lets it see the end of its input.
  void end_input() const;
  /// Appends what it has to say, waiting for something; false at the end of its output.
  [[nodiscard]] bool receive(std::string& text) const;
  /// Waits for its end: whether it exited with status 0.
  [[nodiscard]] bool succeeded();

 private:
  ExternalProgram(detail::FileDescriptor socket, pid_t process)
      : socket_(std::move(socket)), process_(process) {}

  detail::FileDescriptor socket_;
  pid_t process_;  // 0: none
};

}  // namespace solo::cli
