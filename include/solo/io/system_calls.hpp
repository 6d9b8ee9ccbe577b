// SPDX-License-Identifier: MIT
/// @file
/// What the files of io share about the system's calls.
#pragma once

#include <solo/io/file.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace solo::inline SOLO_ABI::detail {

// NOLINTBEGIN(readability-redundant-declaration): header-only, file.hpp has the bodies already

/// The system's words for an errno value.
[[nodiscard]] std::string system_message(int code);
/// open(), not ended by a signal; the descriptor is closed on exec.
[[nodiscard]] int open_retrying(const char* path, int flags, ::mode_t mode);
/// Throws IoError "io.write".
void write_fully(const FileDescriptor& file, std::string_view text,
                 const std::filesystem::path& path);
/// Waits until the names in a directory are on the disk. Throws IoError "io.write".
void sync_directory(const std::filesystem::path& directory);

// NOLINTEND(readability-redundant-declaration)

}  // namespace solo::inline SOLO_ABI::detail
