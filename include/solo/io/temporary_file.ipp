// SPDX-License-Identifier: MIT
#pragma once

#include <solo/io/file.hpp>
#include <solo/io/temporary_file.hpp>

#include <exception>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace solo::inline SOLO_ABI {

SOLO_INLINE void remove_stale_temporaries(const std::filesystem::path& folder) noexcept {
  try {
    const std::string prefix = detail::temporary_prefix();
    std::error_code error;
    std::filesystem::directory_iterator entry(folder, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (!entry->path().filename().string().starts_with(prefix)) continue;
      // Read and write, for NFS locks nothing less.
      const detail::FileDescriptor file(
          ::open(entry->path().c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
      struct ::stat status {};
      if (!file.open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
      if (detail::take_file_lock(file.get(), false)) ::unlink(entry->path().c_str());
    }
  } catch (const std::exception&) {  // out of memory, or a name that cannot be read
    return;
  }
}

}  // namespace solo::inline SOLO_ABI
