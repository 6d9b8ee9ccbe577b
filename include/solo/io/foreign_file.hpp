// SPDX-License-Identifier: MIT
/// @file
/// What lies in people's folders in place of the files that are read, and what to do about it.
#pragma once

#include <solo/io/file.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace solo::inline SOLO_ABI::detail {

/// What a file's first bytes show it to be when it is neither JSON, safetensors nor a tokenizer's
/// text: "a Git LFS pointer, …" with the remedy. Empty when they show none of these.
[[nodiscard]] std::string_view foreign_format(std::string_view beginning) noexcept;
/// Whether they are those of a Git LFS pointer, which no text that is meant begins with.
[[nodiscard]] bool is_lfs_pointer(std::string_view beginning) noexcept;
/// Throws FormatError ("io.foreign") naming the file, when it is of a foreign format.
void refuse_foreign(const InputFile& file);
/// The same for a Git LFS pointer alone.
void refuse_lfs_pointer(const InputFile& file);

/// What a folder was expected to hold.
enum class FolderKind { model, adapter };
/// What lies in `folder` instead, and the remedy: an adapter where a model is looked for or the
/// other way round, weights of other formats. Begins with "; found "; empty when there is nothing
/// of the kind.
[[nodiscard]] std::string found_instead(const std::filesystem::path& folder, FolderKind expected);

/// The first of many names, each whole up to 120 bytes, and the number of the others.
[[nodiscard]] std::string name_list(std::span<const std::string> names);

}  // namespace solo::inline SOLO_ABI::detail

#if SOLO_HEADER_ONLY
#include <solo/io/foreign_file.ipp>  // IWYU pragma: keep
#endif
