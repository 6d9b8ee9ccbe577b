// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/io/json.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/train/prefix_store.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <system_error>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

inline constexpr const char* kPrefixCacheKey = "solo_prefix_cache";
inline constexpr const char* kPrefixCacheVersion = "2";

/// How many of the first pieces fit; `header(count)` is what a store of so many takes beside rows.
template <class F>
[[nodiscard]] Index fitting_pieces(const PrefixContents& contents,
                                   const PrefixCacheOptions& options, const std::string& where,
                                   const F& header) {
  const auto all = static_cast<Index>(contents.pieces.size());
  Index count = 0;
  std::int64_t bytes = header(all);
  while (count < all && bytes + contents.bytes_of(count) <= options.max_bytes) {
    bytes += contents.bytes_of(count++);
  }
  if (count == 0 && all > 0) {
    fail<ConfigError>("prefix_cache.limit", where, ": expected room for ",
                      bytes + contents.bytes_of(0), " bytes at least, found a limit of ",
                      options.max_bytes);
  }
  return count;
}

class PrefixMemory final : public PrefixStore {
 public:
  PrefixMemory(const PrefixContents& contents, const PrefixCacheOptions& options) {
    const Index count = fitting_pieces(contents, options, "prefix cache in memory",
                                       [](Index) { return std::int64_t{0}; });
    pieces_.resize(static_cast<std::size_t>(count));
  }
  [[nodiscard]] Index capacity() const override { return static_cast<Index>(pieces_.size()); }
  [[nodiscard]] bool has(Index piece) const override {
    return piece < capacity() && pieces_[static_cast<std::size_t>(piece)] != nullptr;
  }
  bool read(Index piece, std::span<std::byte> out) const override {
    std::copy_n(pieces_[static_cast<std::size_t>(piece)].get(), out.size(), out.data());
    return true;
  }
  void write(Index piece, std::span<const std::byte> bytes) override {
    std::unique_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
    std::copy_n(bytes.data(), bytes.size(), copy.get());
    pieces_[static_cast<std::size_t>(piece)] = std::move(copy);
    bytes_ += static_cast<std::int64_t>(bytes.size());
  }
  [[nodiscard]] std::int64_t bytes() const override { return bytes_; }

 private:
  std::vector<std::unique_ptr<std::byte[]>> pieces_;
  std::int64_t bytes_ = 0;
};

/// Length and header of a cache file with `count` pieces.
[[nodiscard]] SOLO_INLINE std::string prefix_file_beginning(const PrefixContents& contents,
                                                            Index count) {
  Index rows = 0;
  for (Index i = 0; i < count; ++i) rows += contents.pieces[static_cast<std::size_t>(i)];
  const auto table = static_cast<std::int64_t>(sizeof(std::uint64_t)) * count;
  Json header = Json::object();
  header["__metadata__"] = {{kPrefixCacheKey, kPrefixCacheVersion},
                            {"base", contents.base},
                            {"data", contents.data},
                            {"dtype", contents.stored},
                            {"prefix", contents.prefix}};
  header["checksums"] = {{"dtype", "U64"}, {"shape", {count}}, {"data_offsets", {0, table}}};
  header["rows"] = {{"dtype", std::string(contents.dtype)},
                    {"shape", {rows, contents.row_elements}},
                    {"data_offsets", {table, table + rows * contents.row_bytes}}};
  return safetensors_beginning(header);
}

/// Whether a file, damaged or not, is empty or begins as a prefix cache does.
[[nodiscard]] SOLO_INLINE bool begins_as_prefix_cache(const std::filesystem::path& path) {
  constexpr std::uint64_t kHeader = 4096;  // its texts are far shorter
  const InputFile file(path);
  std::string bytes(static_cast<std::size_t>(std::min(kHeader, file.size())), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(bytes)));
  return bytes.empty() || bytes.find(concat('"', kPrefixCacheKey, '"')) != std::string::npos;
}

/// A file that somebody named by mistake is not replaced.
SOLO_INLINE void require_prefix_cache(const std::filesystem::path& path) {
  if (begins_as_prefix_cache(path)) return;
  fail<FormatError>("prefix_cache.format", display_name(path),
                    ": expected a prefix cache, found another file (no ", quoted(kPrefixCacheKey),
                    " at its beginning), which stays as it is: name a file of its own");
}

[[nodiscard]] SOLO_INLINE SafetensorsFile open_prefix_file(const std::filesystem::path& path,
                                                           std::string_view remedy) {
  try {
    return SafetensorsFile::open(path);
  } catch (const FormatError& error) {
    throw FormatError(error.id(), concat(error.what(), remedy));
  }
}

/// The pieces that a file has room for; throws unless it is a cache of these contents.
[[nodiscard]] SOLO_INLINE Index require_prefix_file(const std::filesystem::path& path,
                                                    const PrefixContents& contents) {
  const std::string_view remedy =
      begins_as_prefix_cache(path)
          ? "; prefix_cache.rebuild (--prefix-cache-rebuild) replaces it"
          : "; it is no prefix cache, and none is written in its place: name another file";
  const SafetensorsFile file = open_prefix_file(path, remedy);
  const auto& metadata = file.metadata();
  const auto field = [&](const std::string& key) -> const std::string& {
    const auto found = metadata.find(key);
    if (found != metadata.end()) return found->second;
    fail<FormatError>("prefix_cache.format", file.name(), ": expected a prefix cache, found no ",
                      quoted(key), " in its metadata", remedy);
  };
  if (field(kPrefixCacheKey) != kPrefixCacheVersion) {
    fail<FormatError>("prefix_cache.version", file.name(), ": expected format version ",
                      kPrefixCacheVersion, ", found ", quoted(field(kPrefixCacheKey)), remedy);
  }
  const auto require = [&](const std::string& key, const std::string& expected, std::string_view id,
                           std::string_view what) {
    if (field(key) == expected) return;
    fail<ConfigError>(id, file.name(), ": the prefix cache is of ", what, ": expected ",
                      quoted(expected), ", found ", quoted(field(key)), remedy);
  };
  require("base", contents.base, "prefix_cache.base", "another base model");
  require("data", contents.data, "prefix_cache.data",
          "other token ids (other data, or another tokenizer)");
  require("dtype", contents.stored, "prefix_cache.dtype",
          "a base whose weights are stored otherwise");
  require("prefix", contents.prefix, "prefix_cache.prefix", "another prefix");
  const TensorInfo* const checksums = file.find("checksums");
  const bool good = checksums != nullptr && checksums->shape.size() == 1 &&
                    std::cmp_less_equal(checksums->shape[0], contents.pieces.size());
  return good ? checksums->shape[0] : -1;
}

class PrefixFile final : public PrefixStore {
 public:
  PrefixFile(PrefixContents contents, const PrefixCacheOptions& options)
      : contents_(std::move(contents)), path_(options.file) {
    std::error_code ignored;
    const bool exists = std::filesystem::exists(path_, ignored);
    if (exists && !options.rebuild) {
      open(options.max_bytes);
      return;
    }
    if (exists) require_prefix_cache(path_);
    const Index count = fitting_pieces(
        contents_, options, display_name(path_),
        [this](Index pieces) { return place(pieces, prefix_file_beginning(contents_, pieces)); });
    beginning_ = prefix_file_beginning(contents_, count);
    set_places(count);
  }

  [[nodiscard]] Index capacity() const override { return static_cast<Index>(checksums_.size()); }
  [[nodiscard]] bool has(Index piece) const override {
    return piece < capacity() && checksums_[static_cast<std::size_t>(piece)] != 0;
  }
  ~PrefixFile() override {
    try {
      flush();
    } catch (const Error&) {  // those pieces are computed again
    }
  }
  bool read(Index piece, std::span<std::byte> out) const override {
    file_->read_at(places_[static_cast<std::size_t>(piece)], out);
    return checksum(piece, out) == checksums_[static_cast<std::size_t>(piece)];
  }
  void write(Index piece, std::span<const std::byte> bytes) override {
    if (!file_) create();
    const auto i = static_cast<std::size_t>(piece);
    file_->write_at(places_[i], bytes);
    checksums_[i] = checksum(piece, bytes);
    unflushed_.push_back(i);
    unflushed_bytes_ += bytes.size();
    const auto waited = std::chrono::steady_clock::now() - flushed_;
    if (unflushed_bytes_ >= kFlushBytes || waited >= kFlushTime) flush();
  }
  [[nodiscard]] std::int64_t bytes() const override {
    std::int64_t bytes = 0;
    for (Index i = 0; i < capacity(); ++i) bytes += has(i) ? contents_.bytes_of(i) : 0;
    return bytes;
  }

 private:
  static constexpr std::size_t kFlushBytes = std::size_t{64} << 20U;
  static constexpr std::chrono::seconds kFlushTime{5};

  /// The checksums of pieces that are on the disk; a checksum that reached it before its piece
  /// would be of damage.
  void flush() {
    if (unflushed_.empty()) return;
    file_->sync();
    for (const std::size_t i : unflushed_) {
      file_->write_at(beginning_.size() + i * sizeof checksums_[i],
                      std::as_bytes(std::span(&checksums_[i], 1)));
    }
    unflushed_.clear();
    unflushed_bytes_ = 0;
    flushed_ = std::chrono::steady_clock::now();
  }
  /// Where the rows begin in a file of so many pieces.
  [[nodiscard]] static std::int64_t place(Index pieces, const std::string& beginning) {
    return static_cast<std::int64_t>(beginning.size() +
                                     sizeof(std::uint64_t) * static_cast<std::size_t>(pieces));
  }
  void set_places(Index count) {
    checksums_.assign(static_cast<std::size_t>(count), 0);
    size_ = static_cast<std::uint64_t>(place(count, beginning_));
    for (Index i = 0; i < count; ++i) {
      places_.push_back(size_);
      size_ += static_cast<std::uint64_t>(contents_.bytes_of(i));
    }
  }
  void open(std::int64_t max_bytes) {
    const Index count = require_prefix_file(path_, contents_);
    file_.emplace(path_);
    if (std::cmp_greater(file_->size(), max_bytes)) {
      fail<ConfigError>("prefix_cache.limit", file_->name(), ": expected at most ", max_bytes,
                        " bytes, found ", file_->size());
    }
    if (count >= 0) beginning_ = prefix_file_beginning(contents_, count);
    std::string found(beginning_.size(), '\0');
    if (found.size() <= file_->size()) {
      file_->read_at(0, std::as_writable_bytes(std::span(found)));
    }
    if (count >= 0) set_places(count);
    if (count < 0 || found != beginning_ || file_->size() != size_) {
      fail<FormatError>("prefix_cache.format", file_->name(),
                        ": the header of the prefix cache is damaged; prefix_cache.rebuild "
                        "(--prefix-cache-rebuild) replaces it");
    }
    file_->read_at(beginning_.size(), std::as_writable_bytes(std::span(checksums_)));
  }
  void create() {
    AtomicFile file(path_);
    file.write(beginning_);
    file.extend(size_);
    file.commit();
    file_.emplace(path_);
  }
  /// Never 0. The number is part of it: a piece in another's place is damage too.
  [[nodiscard]] static std::uint64_t checksum(Index piece, std::span<const std::byte> bytes) {
    Checksum sum;
    sum.update(std::as_bytes(std::span(&piece, 1)));
    sum.update(bytes);
    return std::max<std::uint64_t>(sum.value(), 1);
  }

  PrefixContents contents_;
  std::filesystem::path path_;
  std::optional<UpdateFile> file_;  // none until there is something to write
  std::string beginning_;
  std::vector<std::uint64_t> checksums_;
  std::vector<std::size_t> unflushed_;  // pieces whose checksums are not in the file
  std::size_t unflushed_bytes_ = 0;
  std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now();
  std::vector<std::uint64_t> places_;
  std::uint64_t size_ = 0;
};

}  // namespace detail

SOLO_INLINE std::unique_ptr<PrefixStore> make_memory_store(const PrefixContents& contents,
                                                           const PrefixCacheOptions& options) {
  return std::make_unique<detail::PrefixMemory>(contents, options);
}

SOLO_INLINE std::unique_ptr<PrefixStore> open_file_store(PrefixContents contents,
                                                         const PrefixCacheOptions& options) {
  return std::make_unique<detail::PrefixFile>(std::move(contents), options);
}

}  // namespace solo::inline SOLO_ABI
