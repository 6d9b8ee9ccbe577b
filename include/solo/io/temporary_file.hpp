// SPDX-License-Identifier: MIT
/// @file
/// Whose a temporary file is: its name says the host, a lock on it that its process lives (POSIX).
#pragma once

#include <solo/core/error.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/file.h>
#include <unistd.h>

namespace solo::inline SOLO_ABI::detail {

/// This host's name; empty when the system does not say it.
[[nodiscard]] inline std::string host_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return {};
  return host.data();
}

/// What the names of AtomicFile's temporary files begin with on this host; the process's number
/// follows. Locks of another host may not be seen here, so its files are told by their names.
[[nodiscard]] inline std::string temporary_prefix() {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : host_name()) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return concat(".solo-tmp-", hash, "-");
}

/// Takes a file's lock if nobody has it. 0, or the error: EWOULDBLOCK when another has it.
[[nodiscard]] inline int try_file_lock(int file) noexcept {
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// Whether this descriptor has the file's lock now, which its owner holds as long as it lives; in a
/// file system without locks, `without_locks`.
[[nodiscard]] inline bool take_file_lock(int file, bool without_locks) noexcept {
  const int error = try_file_lock(file);
  return error == 0 || (error != EWOULDBLOCK && without_locks);
}

}  // namespace solo::inline SOLO_ABI::detail

namespace solo::inline SOLO_ABI {

/// Removes what AtomicFile left in a folder when a process of this host that runs no more was
/// killed: a living one holds a lock on its file. Never throws: what cannot be removed stays.
void remove_stale_temporaries(const std::filesystem::path& folder) noexcept;

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/io/temporary_file.ipp>  // IWYU pragma: keep
#endif
