// SPDX-License-Identifier: MIT
/// @file
/// Commands do not write over what they read.
#pragma once

#include "program.hpp"

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::cli {

/// What an option names to be read: a file, or the folder of a model. Empty paths stand for
/// nothing.
struct ReadPath {
  std::string option;
  std::filesystem::path path;
};
using ReadPaths = std::vector<ReadPath>;

/// Adds several paths of one option.
void add_read(ReadPaths& paths, const std::string& option,
              const std::vector<std::filesystem::path>& more);

/// A folder that a command writes into, and whether it writes or removes a file of a name there.
struct WrittenFolder {
  std::filesystem::path path;
  std::function<bool(std::string_view name)> writes;
};

/// Throws UsageError when one of the files that are read, or a file that a folder which is read
/// links to, is one that would be replaced.
void require_kept(const WrittenFolder& folder, const ReadPaths& read);

/// Throws UsageError when `written`, the file of an option, is read too or lies in a folder that is
/// read under a name of a model, adapter or run, which no other file may replace.
void require_kept(const ReadPath& written, const ReadPaths& read);

/// Whether two paths mean one file, there or not yet.
[[nodiscard]] bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace solo::cli
