// SPDX-License-Identifier: MIT
/// @file
/// The names of all files that a run may leave in its output folder, and whether they can be there.
#pragma once

#include <solo/core/config.hpp>

#include <filesystem>
#include <functional>
#include <string_view>

namespace solo::inline SOLO_ABI {

/// Whether a run, its result (model or adapter, with a tokenizer) or the `solo` program writes or
/// removes a file of this name: a file of the user's would be lost under it.
[[nodiscard]] bool is_result_name(std::string_view name) noexcept;

/// Throws IoError when files could not be replaced in the folder, as far as that can be known
/// before: "io.create" for one that may not be written into, "io.not_regular" for something else
/// than a file under a name that `writes` is true of.
void require_replaceable(const std::filesystem::path& folder,
                         const std::function<bool(std::string_view)>& writes = is_result_name);

/// Calls save(). When that throws, keep() is to write a checkpoint, so that nothing is lost, and
/// the error goes on, an IoError's message with where the checkpoint is.
void save_or_keep(const std::function<void()>& save,
                  const std::function<std::filesystem::path()>& keep);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/result_files.ipp>  // IWYU pragma: keep
#endif
