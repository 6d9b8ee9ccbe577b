// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/atomic_folder.hpp>
#include <solo/io/system_calls.hpp>
#include <solo/io/temporary_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// Old files out of the way: back to their names unless they are dropped.
class SetAside {
 public:
  SetAside() = default;
  SetAside(const SetAside&) = delete;
  SetAside& operator=(const SetAside&) = delete;
  ~SetAside() {
    while (!files_.empty()) {
      try {
        files_.back()->commit();
      } catch (const Error&) {  // the new file, or none, stays: refused without the essential one
      }
      files_.pop_back();
    }
  }
  /// Takes a file away, if it is there.
  void take(const std::filesystem::path& target) {
    std::error_code ignored;
    if (!std::filesystem::exists(std::filesystem::symlink_status(target, ignored))) return;
    auto place = std::make_unique<AtomicFile>(target);  // an empty file whose name is ours
    place->stage();
    if (std::rename(target.c_str(), place->temporary().c_str()) != 0) {
      const int code = errno;
      fail<IoError>("io.rename", display_name(target),
                    ": cannot set aside: ", system_message(code));
    }
    files_.push_back(std::move(place));
  }
  /// They are not wanted any more.
  void drop() noexcept { files_.clear(); }

 private:
  std::vector<std::unique_ptr<AtomicFile>> files_;
};

/// The path of a file that lies in the folder itself.
[[nodiscard]] inline std::filesystem::path file_in(const std::filesystem::path& folder,
                                                   std::string_view name) {
  const std::filesystem::path file(name);
  if (name.empty() || name == "." || name == ".." || file.filename() != file) {
    fail<ConfigError>("config.value", "name ", quoted(name), ": not the plain name of a file in ",
                      display_name(folder));
  }
  return folder / file;
}

}  // namespace detail

SOLO_INLINE AtomicFolder::AtomicFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  make_directories(folder_);
  remove_stale_temporaries(folder_);
}

SOLO_INLINE AtomicFile& AtomicFolder::add(std::string_view name, bool essential) {
  std::filesystem::path target = detail::file_in(folder_, name);
  auto file = std::make_unique<AtomicFile>(target);
  std::erase_if(items_, [&](const Item& item) { return item.target == target; });
  items_.push_back({std::move(target), std::move(file), essential});
  return *items_.back().file;
}

SOLO_INLINE AtomicFile& AtomicFolder::add(std::string_view name) {
  return add(name, false);
}

SOLO_INLINE AtomicFile& AtomicFolder::add_essential(std::string_view name) {
  return add(name, true);
}

SOLO_INLINE void AtomicFolder::write(std::string_view name, std::string_view text) {
  add(name, false).write(text);
}

SOLO_INLINE void AtomicFolder::remove(std::string_view name) {
  std::filesystem::path target = detail::file_in(folder_, name);
  const auto same = [&](const Item& item) { return item.target == target; };
  if (std::any_of(items_.begin(), items_.end(), same)) return;
  items_.push_back({std::move(target), nullptr, false});
}

SOLO_INLINE void AtomicFolder::replace() {
  detail::SetAside old;
  const bool whole =
      std::any_of(items_.begin(), items_.end(), [](const Item& item) { return item.essential; });
  for (const Item& item : items_) {
    // Without an essential file each one stands for itself, and none is away for a moment.
    if (whole || !item.file) old.take(item.target);
  }
  detail::sync_directory(folder_);
  for (const bool last : {false, true}) {
    for (const Item& item : items_) {
      if (item.file && item.essential == last) item.file->commit();
    }
  }
  old.drop();
}

SOLO_INLINE void AtomicFolder::commit() {
  for (const Item& item : items_) {
    if (item.file) item.file->stage();
  }
  // What is taken away first comes back last.
  std::stable_partition(items_.begin(), items_.end(), [](const Item& i) { return i.essential; });
  replace();
  items_.clear();
}

}  // namespace solo::inline SOLO_ABI
