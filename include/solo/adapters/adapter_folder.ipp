// SPDX-License-Identifier: MIT
#pragma once

#include <solo/adapters/adapter_folder.hpp>
#include <solo/core/error.hpp>
#include <solo/io/file.hpp>
#include <solo/io/foreign_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI::detail {

SOLO_INLINE std::string bounded_message(std::string text) {
  constexpr std::size_t kMost = 960;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "…";
}

/// Says what the folder of a file that is not there holds instead.
SOLO_INLINE void require_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return;
  const std::string found = found_instead(path.parent_path(), FolderKind::adapter);
  if (!found.empty()) fail<IoError>("io.open", display_name(path), ": there is none", found);
}

SOLO_INLINE AdapterFolder::AdapterFolder(const std::filesystem::path& folder) : folder_(folder) {
  const std::filesystem::path path = folder / kAdapterConfigFile;
  config_name_ = display_name(path);
  require_file(path);
  json_ = std::make_shared<const Json>(read_json_file(path));
  const JsonFields fields = config();
  if (fields.absent("peft_type")) {
    fail<FormatError>("adapter.format", config_name_, ": expected a peft_type, found none: ",
                      "not written by peft or solo (the adapters library uses the same file name)");
  }
  peft_type_ = fields.string("peft_type");
}

SOLO_INLINE Json config_meaning(Json config) {
  for (const char* const key :
       {"auto_mapping", "base_model_name_or_path", "dropout", "inference_mode", "lora_dropout",
        "peft_type", "peft_version", "revision", "task_type"}) {
    config.erase(key);
  }
  return config;
}

SOLO_INLINE const SafetensorsFile& AdapterFolder::tensors() {
  if (file_) return *file_;
  const std::filesystem::path path = folder_ / kAdapterTensorFile;
  require_file(path);
  std::error_code ignored;
  const auto there = std::filesystem::symlink_status(path, ignored).type();
  if (there == std::filesystem::file_type::not_found) {
    fail<IoError>("io.open", display_name(path), ": cannot open: there is no such file beside ",
                  kAdapterConfigFile,
                  " (a save that was interrupted leaves none: train or save again)");
  }
  file_ = SafetensorsFile::open(path);
  return *file_;
}

SOLO_INLINE void AdapterFolder::require_own_config(std::string (*rewritten)(const JsonFields&)) {
  const auto stored = metadata().find(kSavedConfigKey);
  if (stored == metadata().end()) return;
  const std::string where = concat(tensors().name(), ": ", kSavedConfigKey);
  const Json json = parse_json(stored->second, where);
  if (!json.is_object()) fail<FormatError>("json.type", where, ": expected an object");
  const auto meaning = [rewritten](const JsonFields& fields) {
    return config_meaning(parse_json(rewritten(fields), fields.source()));
  };
  require_same_meaning(meaning(JsonFields(json, where)), meaning(config()));
}

SOLO_INLINE std::vector<AdapterTensor> AdapterFolder::tensor_shapes(std::string_view prefix) {
  std::vector<AdapterTensor> result;
  for (const TensorInfo& info : tensors().tensors()) {
    const std::size_t begin = info.name.starts_with(prefix) ? prefix.size() : 0;
    result.push_back({info.name.substr(begin), info.shape});
  }
  return result;
}

SOLO_INLINE std::vector<std::string> AdapterFolder::tensor_names(std::string_view prefix) {
  std::vector<std::string> names;
  for (AdapterTensor& tensor : tensor_shapes(prefix)) names.push_back(std::move(tensor.name));
  return names;
}

SOLO_INLINE void AdapterFolder::require_same_meaning(const Json& saved, const Json& found) const {
  const auto refuse = [&](std::string_view key, const Json* was, const Json* is) {
    fail<FormatError>(
        "adapter.mixed",
        bounded_message(concat(
            config_name_, ": ", printable(key), " is ", is == nullptr ? "not there" : describe(*is),
            ", but ", file_->name(), " was saved with ", was == nullptr ? "none" : describe(*was),
            ": the two files are not of one run; take both from one (or save the "
            "adapter anew, if the configuration was changed on purpose)")));
  };
  for (const auto& [key, value] : saved.items()) {
    const auto other = found.find(key);
    if (other == found.end()) refuse(key, &value, nullptr);
    if (*other != value) refuse(key, &value, &*other);
  }
  for (const auto& [key, value] : found.items()) {
    if (!saved.contains(key)) refuse(key, nullptr, &value);
  }
}

SOLO_INLINE void AdapterFolder::open_tensors(const ExpectedTensors& expected,
                                             const std::string& base) {
  const std::string context =
      concat(tensors().name(), ": does not fit ", config_name_, " on ", base, ": ");
  std::vector<std::string> missing;
  std::vector<std::string> known;
  for (const AdapterTensor& t : expected.tensors) {
    known.push_back(expected.prefix + t.name);
    if (file_->find(known.back()) == nullptr) missing.push_back(known.back());
  }
  std::sort(known.begin(), known.end());
  std::vector<std::string> extra;
  for (const TensorInfo& info : file_->tensors()) {
    if (std::binary_search(known.begin(), known.end(), info.name)) continue;
    const bool prefixed = info.name.starts_with(expected.prefix);
    if (prefixed && expected.ignores &&
        expected.ignores(std::string_view(info.name).substr(expected.prefix.size()))) {
      continue;
    }
    extra.push_back(info.name);
  }
  if (!missing.empty() || !extra.empty()) {
    const std::string lacks = missing.empty() ? "" : "missing tensors " + name_list(missing);
    const std::string has = extra.empty() ? "" : "unexpected tensors " + name_list(extra);
    fail<FormatError>(
        "adapter.tensors",
        bounded_message(concat(context, lacks, lacks.empty() || has.empty() ? "" : "; ", has)));
  }
  for (const AdapterTensor& t : expected.tensors) {
    const TensorInfo& info = file_->at(expected.prefix + t.name);
    if (info.shape != t.shape) {
      fail<ShapeError>(
          "adapter.shape",
          bounded_message(concat(context, quoted(t.name), ": expected shape ", to_string(t.shape),
                                 ", found ", to_string(info.shape))));
    }
    if (!weight_dtype(info.dtype)) {
      fail<FormatError>(
          "adapter.dtype",
          bounded_message(concat(context, quoted(t.name),
                                 ": expected F16, BF16, F32 or F64, found ", info.dtype)));
    }
  }
}

}  // namespace solo::inline SOLO_ABI::detail
