// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/file.hpp>
#include <solo/io/json.hpp>
#include <solo/io/json_fields.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/train/checkpoint.hpp>
#include <solo/train/log_rows.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace solo::inline SOLO_ABI {

namespace detail {

inline constexpr const char* kCheckpointVersion = "2";
inline constexpr const char* kHeaderChecksum = "checksum.header";
inline constexpr std::string_view kLogTensor = "log.entries";
inline constexpr const char* kLogChecksum = "log";

/// The sections of tensors, in the order of the file.
inline constexpr std::array<std::string_view, 3> kCheckpointSections = {"m", "v", "value"};

template <Scalar T>
inline constexpr DType kCheckpointDType =
    std::is_same_v<T, double> ? DType::float64 : DType::float32;

/// An open checkpoint whose header has been checked.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::filesystem::path& path)
      : file_(SafetensorsFile::open(path)) {
    const auto version = file_.metadata().find("solo_checkpoint");
    if (version == file_.metadata().end()) {
      fail<FormatError>("checkpoint.missing", file_.name(),
                        ": expected a checkpoint, found no \"solo_checkpoint\" in its metadata");
    }
    file_.check_header(kHeaderChecksum);
    if (version->second != kCheckpointVersion) {
      fail<FormatError>("checkpoint.version", file_.name(), ": expected format version ",
                        kCheckpointVersion, ", found ", quoted(version->second),
                        ": another version of this program wrote it, which can finish the run");
    }
    if (file_.metadata().size() != kEntries) {
      fail<FormatError>("checkpoint.missing", file_.name(), ": expected ", kEntries,
                        " sections in its metadata, found ", file_.metadata().size());
    }
  }

  [[nodiscard]] const std::string& name() const noexcept { return file_.name(); }
  [[nodiscard]] std::span<const TensorInfo> tensors() const noexcept { return file_.tensors(); }
  [[nodiscard]] const std::string& section(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    if (found != file_.metadata().end()) return found->second;
    fail<FormatError>("checkpoint.missing", name(), ": expected section ", quoted(key),
                      " in its metadata, found none");
  }
  /// The entries of the log, or only their check when they are not kept.
  [[nodiscard]] std::vector<LogEntry> read_log(bool keep) const {
    constexpr Index kColumns = std::tuple_size_v<LogRow>;
    constexpr Index kPiece = 4096;
    std::vector<LogEntry> entries;
    Checksum checksum;
    const TensorInfo* const info = file_.find(kLogTensor);
    if (info == nullptr) {
      require_checksum(kLogChecksum, checksum);
      return entries;
    }
    const std::string where = concat(name(), ": ", kLogTensor);
    if (info->dtype != safetensors_name(DType::float64) || info->shape.size() != 2 ||
        info->shape[1] != kColumns) {
      fail<FormatError>("checkpoint.log", where, ": expected F64 of shape (entries, ", kColumns,
                        "), found ", info->dtype, " of shape ", to_string(info->shape));
    }
    const Index rows = info->shape[0];
    if (keep) entries.reserve(static_cast<std::size_t>(rows));
    std::vector<double> piece;
    for (Index first = 0; first < rows; first += kPiece) {
      piece.resize(static_cast<std::size_t>(std::min(kPiece, rows - first) * kColumns));
      file_.read_part<double>(*info, first * kColumns, piece);
      checksum.update(std::as_bytes(std::span(piece)));
      for (std::size_t i = 0; i < piece.size(); i += kColumns) {
        LogEntry entry = from_row(std::span(piece).subspan(i, kColumns), where);
        if (keep) entries.push_back(entry);
      }
    }
    require_checksum(kLogChecksum, checksum);
    return entries;
  }
  /// The tensor; its bytes are added to the checksum.
  template <Scalar T>
  [[nodiscard]] Tensor<T> read(const TensorInfo& info, Checksum& checksum) const {
    Tensor<T> tensor(info.shape);
    file_.read(info, tensor.span());
    checksum.update(std::as_bytes(tensor.span()));
    return tensor;
  }
  void require_checksum(std::string_view section_name, const Checksum& checksum) const {
    const std::string& stored = section(concat("checksum.", section_name));
    if (stored == checksum.digits()) return;
    fail<FormatError>("checkpoint.checksum", name(), ": section ", quoted(section_name),
                      " is damaged: expected checksum ", quoted(stored), ", found ",
                      quoted(checksum.digits()));
  }

 private:
  static constexpr std::size_t kEntries = 9;  // version, state, run, updates, five checksums

  SafetensorsFile file_;
};

/// "value.h.0.ln_1.weight" is of section "value"; npos when it is of none.
[[nodiscard]] SOLO_INLINE std::size_t section_of(std::string_view name) noexcept {
  const std::string_view section = name.substr(0, name.find('.'));
  const auto* const at = std::find(kCheckpointSections.begin(), kCheckpointSections.end(), section);
  if (at == kCheckpointSections.end() || name.size() < section.size() + 2) return std::string::npos;
  return static_cast<std::size_t>(at - kCheckpointSections.begin());
}

/// The tensors of each section, in the order of their names and of their data.
using CheckpointSections = std::array<std::vector<const TensorInfo*>, kCheckpointSections.size()>;

/// Sorts the tensors into sections. Nothing is allocated by their size before this has succeeded.
template <Scalar T>
[[nodiscard]] CheckpointSections split_sections(const CheckpointReader& reader) {
  CheckpointSections sections;
  const TensorInfo* previous = nullptr;
  for (const TensorInfo& info : reader.tensors()) {
    if (info.name == kLogTensor) continue;
    const std::size_t section = section_of(info.name);
    if (section == std::string::npos || (previous != nullptr && previous->name >= info.name)) {
      fail<FormatError>("checkpoint.tensors", reader.name(), ": tensor ", quoted(info.name),
                        " is of no section, or not in its order");
    }
    if (info.dtype != safetensors_name(kCheckpointDType<T>)) {
      fail<ConfigError>("checkpoint.run", reader.name(), ": expected numbers of dtype ",
                        safetensors_name(kCheckpointDType<T>), ", as the model has, found ",
                        info.dtype);
    }
    previous = &info;
    sections[section].push_back(&info);
  }
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (!sections[i].empty()) continue;
    fail<FormatError>("checkpoint.missing", reader.name(), ": expected section ",
                      quoted(kCheckpointSections[i]), ", found no tensor of it");
  }
  return sections;
}

[[nodiscard]] SOLO_INLINE std::vector<std::int64_t> read_updates(const CheckpointReader& reader) {
  const Json json = parse_json(concat("{\"updates\":", reader.section("updates"), "}"),
                               concat(reader.name(), ": updates"));
  return JsonFields(json, reader.name()).integers("updates", {.min = 0});
}

/// The place of each m and v among the values, which must have their names and shapes.
[[nodiscard]] SOLO_INLINE std::vector<std::size_t> match_moments(
    const CheckpointReader& reader, const CheckpointSections& sections) {
  const auto refuse = [&](const TensorInfo& info, std::string_view why) {
    fail<FormatError>("checkpoint.tensors", reader.name(), ": tensor ", quoted(info.name), ' ',
                      why);
  };
  const auto bare = [](const TensorInfo& info) {
    return std::string_view(info.name).substr(info.name.find('.'));
  };
  const auto& [ms, vs, values] = sections;
  if (vs.size() != ms.size()) {
    fail<FormatError>("checkpoint.tensors", reader.name(), ": expected as many v as m, ", ms.size(),
                      ", found ", vs.size());
  }
  std::vector<std::size_t> places;
  std::size_t next = 0;
  for (std::size_t i = 0; i < ms.size(); ++i) {
    while (next < values.size() && bare(*values[next]) < bare(*ms[i])) ++next;
    if (next == values.size() || bare(*values[next]) != bare(*ms[i])) {
      refuse(*ms[i], "has no value");
    }
    if (bare(*vs[i]) != bare(*ms[i])) refuse(*ms[i], "has no v");
    if (ms[i]->shape != values[next]->shape || vs[i]->shape != values[next]->shape) {
      refuse(*ms[i], "has not the shape of its value and v");
    }
    places.push_back(next);
  }
  return places;
}

/// Reads every byte; without `keep` the tensors stay empty.
template <Scalar T>
[[nodiscard]] Checkpoint<T> load_checkpoint(const std::filesystem::path& path, bool keep) {
  const CheckpointReader reader(path);
  Checkpoint<T> checkpoint{
      .state = RunState::from_json(reader.section("state"), concat(reader.name(), ": state")),
      .run = reader.section("run")};
  const CheckpointSections sections = split_sections<T>(reader);
  checkpoint.state.log_history = reader.read_log(keep);
  const std::vector<std::size_t> places = match_moments(reader, sections);
  const std::vector<std::int64_t> updates = read_updates(reader);
  if (updates.size() != places.size()) {
    fail<FormatError>("checkpoint.tensors", reader.name(), ": expected ", places.size(),
                      " numbers of updates, found ", updates.size());
  }
  for (const TensorInfo* info : sections[2]) {
    checkpoint.tensors.push_back({.name = info->name.substr(info->name.find('.') + 1)});
  }
  const std::array<Tensor<T> CheckpointTensor<T>::*, 3> members = {
      &CheckpointTensor<T>::m, &CheckpointTensor<T>::v, &CheckpointTensor<T>::value};
  for (std::size_t section = 0; section < sections.size(); ++section) {
    Checksum checksum;
    for (std::size_t i = 0; i < sections[section].size(); ++i) {
      Tensor<T> tensor = reader.read<T>(*sections[section][i], checksum);
      CheckpointTensor<T>& target = checkpoint.tensors[section == 2 ? i : places[i]];
      if (section == 0) target.trains = true;
      if (section == 0) target.updates = updates[i];
      if (keep) target.*members[section] = std::move(tensor);
    }
    reader.require_checksum(kCheckpointSections[section], checksum);
  }
  return checkpoint;
}

}  // namespace detail

template <Scalar T>
void write_checkpoint(const std::filesystem::path& path, const CheckpointRef<T>& checkpoint) {
  std::vector<const CheckpointTensorRef<T>*> sorted;
  for (const CheckpointTensorRef<T>& tensor : checkpoint.tensors) sorted.push_back(&tensor);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  std::vector<TensorRef> refs;
  std::array<Checksum, detail::kCheckpointSections.size()> checksums;
  const auto add = [&](std::size_t section, const std::string& name, const Tensor<T>* tensor) {
    if (tensor == nullptr) return;
    checksums[section].update(std::as_bytes(tensor->span()));
    refs.push_back(
        {concat(detail::kCheckpointSections[section], ".", name), tensor->shape(), tensor->span()});
  };
  const std::vector<double> log = detail::to_rows(checkpoint.state.log_history);
  if (!log.empty()) {
    constexpr Index kColumns = std::tuple_size_v<detail::LogRow>;
    refs.push_back({.name = std::string(detail::kLogTensor),
                    .shape = {static_cast<Index>(log.size()) / kColumns, kColumns},
                    .data = std::span<const double>(log),
                    .dtype = DType::float64});
  }
  Checksum log_checksum;
  log_checksum.update(std::as_bytes(std::span(log)));
  Json updates = Json::array();
  for (const CheckpointTensorRef<T>* tensor : sorted) {
    add(0, tensor->name, tensor->m);
    add(1, tensor->name, tensor->v);
    add(2, tensor->name, tensor->value);
    if (tensor->m != nullptr) updates.push_back(tensor->updates);
  }
  std::map<std::string, std::string> metadata = {{"solo_checkpoint", detail::kCheckpointVersion},
                                                 {"state", checkpoint.state.to_json()},
                                                 {"run", checkpoint.run},
                                                 {"updates", dump_line(updates)}};
  metadata[concat("checksum.", detail::kLogChecksum)] = log_checksum.digits();
  for (std::size_t i = 0; i < checksums.size(); ++i) {
    metadata[concat("checksum.", detail::kCheckpointSections[i])] = checksums[i].digits();
  }
  AtomicFile file(path);
  write_safetensors(file, refs,
                    {.metadata = std::move(metadata),
                     .dtype = detail::kCheckpointDType<T>,
                     .checksum_key = detail::kHeaderChecksum});
  file.stage();
  try {
    verify_checkpoint<T>(file.temporary());
  } catch (const Error& error) {
    fail<IoError>("checkpoint.verify", display_name(path),
                  ": not saved, as it could not be read back: ", error.what());
  }
  file.commit();
}

template <Scalar T>
Checkpoint<T> read_checkpoint(const std::filesystem::path& path) {
  return detail::load_checkpoint<T>(path, true);
}

template <Scalar T>
void verify_checkpoint(const std::filesystem::path& path) {
  static_cast<void>(detail::load_checkpoint<T>(path, false));
}

SOLO_INLINE std::string checkpoint_name(std::int64_t step) {
  return concat("checkpoint-", step, ".safetensors");
}

SOLO_INLINE std::vector<CheckpointFile> find_checkpoints(const std::filesystem::path& folder) {
  constexpr std::string_view kPrefix = "checkpoint-";
  std::vector<CheckpointFile> found;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (step > 0 && name == checkpoint_name(step)) found.push_back({step, entry->path()});
  }
  if (error) {
    fail<IoError>("io.directory", display_name(folder),
                  ": cannot read the folder: ", error.message());
  }
  std::sort(found.begin(), found.end(),
            [](const CheckpointFile& a, const CheckpointFile& b) { return a.step > b.step; });
  return found;
}

template <Scalar T>
FoundCheckpoint<T> read_newest_checkpoint(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && !std::filesystem::is_directory(path, ignored)) {
    return {.checkpoint = read_checkpoint<T>(path), .path = path};
  }
  FoundCheckpoint<T> found;
  for (const CheckpointFile& file : find_checkpoints(path)) {
    try {
      found.checkpoint = read_checkpoint<T>(file.path);
      if (found.checkpoint.state.step != file.step) {
        fail<FormatError>("checkpoint.step", display_name(file.path),
                          ": expected the state after step ", file.step, ", found that after ",
                          found.checkpoint.state.step);
      }
      found.path = file.path;
      return found;
    } catch (const ConfigError&) {
      throw;  // intact, but of another run
    } catch (const Error& error) {
      found.skipped.emplace_back(error.what());
    }
  }
  if (found.skipped.empty()) {
    fail<ConfigError>("checkpoint.none", display_name(path),
                      ": no checkpoint to resume from (save_steps "
                      "saves them); train on from the adapter or model of a "
                      "finished run into another folder");
  }
  fail<FormatError>("checkpoint.damaged", display_name(path), ": none of ", found.skipped.size(),
                    " checkpoints can be loaded; the newest: ", found.skipped.front());
}

#if !SOLO_HEADER_ONLY
#define SOLO_INSTANTIATE(T)                                                                 \
  template void write_checkpoint<T>(const std::filesystem::path&, const CheckpointRef<T>&); \
  template Checkpoint<T> read_checkpoint<T>(const std::filesystem::path&);                  \
  template void verify_checkpoint<T>(const std::filesystem::path&);                         \
  template FoundCheckpoint<T> read_newest_checkpoint<T>(const std::filesystem::path&)
SOLO_INSTANTIATE(float);
SOLO_INSTANTIATE(double);
#undef SOLO_INSTANTIATE
#endif

}  // namespace solo::inline SOLO_ABI
