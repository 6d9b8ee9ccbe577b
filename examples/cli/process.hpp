// SPDX-License-Identifier: MIT
/// @file
/// What the program is started in.
#pragma once

namespace solo::cli {

/// Opens what is closed of stdin, stdout and stderr on /dev/null, so that no file of ours gets
/// their numbers and what is printed; and makes a limit on file sizes (SIGXFSZ) an error of the
/// write that reaches it. False if that cannot be done.
[[nodiscard]] bool prepare_process() noexcept;

}  // namespace solo::cli
