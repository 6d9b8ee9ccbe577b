// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/tensor_store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

/// A tensor as the index lists it.
struct IndexedTensor {
  std::string_view name;
  std::string_view shard;
};

/// weight_map, sorted by name. The views point into `index`.
[[nodiscard]] SOLO_INLINE std::vector<IndexedTensor> read_weight_map(const JsonFields& index) {
  const Json& map = index.object("weight_map").json();
  std::vector<IndexedTensor> tensors;
  for (const auto& [tensor, shard] : map.get_ref<const Json::object_t&>()) {
    const auto* file = shard.get_ptr<const std::string*>();
    const bool plain = file != nullptr && !file->empty() && *file != "." && *file != ".." &&
                       file->find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!plain) {
      fail<FormatError>("store.index", index.source(),
                        ": weight_map: ", quoted(std::string_view(tensor)),
                        ": expected a plain file name, found ", describe(shard));
    }
    tensors.push_back({tensor, *file});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const IndexedTensor& a, const IndexedTensor& b) { return a.name < b.name; });
  return tensors;
}

}  // namespace detail

SOLO_INLINE TensorStore TensorStore::open(const std::filesystem::path& directory) {
  const auto single = directory / "model.safetensors";
  const auto index = directory / "model.safetensors.index.json";
  std::error_code error;
  TensorStore store;
  const auto there = [&](const std::filesystem::path& path) {
    const auto type = std::filesystem::symlink_status(path, error).type();
    return type != std::filesystem::file_type::not_found &&
           type != std::filesystem::file_type::none;
  };
  if (there(single)) {
    store.files_.push_back(SafetensorsFile::open(single));
    store.name_ = store.files_.front().name();
    store.collect();
  } else if (there(index)) {
    store.open_shards(directory, index);
  } else {
    fail<IoError>("io.open", display_name(directory),
                  ": expected a folder with model.safetensors or model.safetensors.index.json, "
                  "found neither",
                  detail::found_instead(directory, detail::FolderKind::model));
  }
  return store;
}

SOLO_INLINE void TensorStore::collect() {
  for (const SafetensorsFile& file : files_) {
    for (const TensorInfo& info : file.tensors()) entries_.push_back({&info, &file});
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.name() < b.name(); });
}

SOLO_INLINE void TensorStore::open_shards(const std::filesystem::path& directory,
                                          const std::filesystem::path& index) {
  constexpr std::size_t kMaxShards = 512;  // each stays open
  const Json json = read_json_file(index);
  const JsonFields fields(json, display_name(index));
  name_ = fields.source();
  const std::vector<detail::IndexedTensor> map = detail::read_weight_map(fields);
  std::vector<std::string_view> shards;
  shards.reserve(map.size());
  for (const auto& tensor : map) shards.push_back(tensor.shard);
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  if (shards.empty() || shards.size() > kMaxShards) {
    fail<FormatError>("store.index", name_, ": weight_map: expected 1 to ", kMaxShards,
                      " files, found ", shards.size());
  }
  files_.reserve(shards.size());
  for (const std::string_view shard : shards) {
    files_.push_back(SafetensorsFile::open(directory / shard));
  }
  collect();

  // Both lists are sorted by name: walk them side by side.
  const auto refuse = [&](std::string_view tensor, std::string_view expected,
                          std::string_view found) {
    fail<FormatError>("store.index", name_, ": tensor ", quoted(tensor), ": expected in ",
                      quoted(expected), ", found ", found);
  };
  auto listed = map.begin();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const std::string file = entry.file->path().filename().string();
    if (i > 0 && entries_[i - 1].name() == entry.name()) {
      fail<FormatError>("store.index", name_, ": tensor ", quoted(std::string_view(entry.name())),
                        ": found in two files, ",
                        quoted(entries_[i - 1].file->path().filename().string()), " and ",
                        quoted(file));
    }
    if (listed != map.end() && listed->name < entry.name()) {
      refuse(listed->name, listed->shard, "in no file");
    }
    if (listed == map.end() || listed->name != entry.name()) {
      fail<FormatError>("store.index", name_, ": tensor ", quoted(std::string_view(entry.name())),
                        " of ", quoted(file), " is missing in weight_map");
    }
    if (listed->shard != file) refuse(listed->name, listed->shard, "in " + quoted(file));
    ++listed;
  }
  if (listed != map.end()) refuse(listed->name, listed->shard, "in no file");
}

SOLO_INLINE const TensorStore::Entry* TensorStore::find(std::string_view name) const noexcept {
  const auto at = std::lower_bound(
      entries_.begin(), entries_.end(), name,
      [](const Entry& entry, std::string_view wanted) { return entry.name() < wanted; });
  return at == entries_.end() || at->name() != name ? nullptr : &*at;
}

SOLO_INLINE const TensorStore::Entry& TensorStore::at(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    fail<FormatError>("safetensors.missing", name_, ": expected tensor ", quoted(name),
                      ", found none");
  }
  return *entry;
}

}  // namespace solo::inline SOLO_ABI
