// SPDX-License-Identifier: MIT
/// @file
/// Where a prefix cache keeps its rows: memory, or a file that later runs use again.
#pragma once

#include <solo/io/file.hpp>
#include <solo/train/prefix_cache_options.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace solo::inline SOLO_ABI {

/// What the contents of a store depend on, and their sizes.
struct PrefixContents {
  std::string base = {};    ///< fingerprint of the base model
  std::string data = {};    ///< fingerprint of the token ids and how they are cut into pieces
  std::string stored = {};  ///< how the base's weights are stored
  std::string prefix = {};  ///< which outputs of which blocks, and how they are computed
  std::string_view dtype = "F32";  ///< of the elements, as safetensors names it
  Index row_elements = 0;
  std::int64_t row_bytes = 0;
  std::vector<Index> pieces = {};  ///< rows of each

  [[nodiscard]] std::int64_t bytes_of(Index piece) const {
    return pieces[static_cast<std::size_t>(piece)] * row_bytes;
  }
};

/// Keeps the first pieces of the data, as many as there is room for.
class PrefixStore {
 public:
  PrefixStore() = default;
  PrefixStore(const PrefixStore&) = delete;
  PrefixStore& operator=(const PrefixStore&) = delete;
  virtual ~PrefixStore() = default;

  /// Pieces there is room for.
  [[nodiscard]] virtual Index capacity() const = 0;
  [[nodiscard]] virtual bool has(Index piece) const = 0;
  /// `out` has the piece's size. False if what is there is damaged: as if it were not there.
  [[nodiscard]] virtual bool read(Index piece, std::span<std::byte> out) const = 0;
  virtual void write(Index piece, std::span<const std::byte> bytes) = 0;
  /// Bytes held.
  [[nodiscard]] virtual std::int64_t bytes() const = 0;
};

/// Keeps rows in memory, at most options.max_bytes. Throws ConfigError ("prefix_cache.limit") when
/// that is not enough for the first piece.
[[nodiscard]] std::unique_ptr<PrefixStore> make_memory_store(const PrefixContents& contents,
                                                             const PrefixCacheOptions& options);

/// Keeps rows in options.file, a safetensors file of at most options.max_bytes: tensor "rows"
/// (rows, row_elements) and "checksums", one XXH64 a piece or 0 where there is nothing yet. What is
/// there is used; a new file is made when the first piece is kept, so that a run that is refused
/// leaves none. Pieces are on the disk before their checksums are written, which happens from time
/// to time and at the end: what a killed run, or a power cut, leaves is used as far as it came.
///
/// Throws ConfigError for a file of another base ("prefix_cache.base"), of other token ids: other
/// data or another tokenizer ("prefix_cache.data"), of a base that is stored otherwise
/// ("prefix_cache.dtype"), of another prefix ("prefix_cache.prefix"), and for one larger than
/// max_bytes ("prefix_cache.limit"); FormatError for one that is no cache or whose header is
/// damaged
/// ("prefix_cache.format"), another version ("prefix_cache.version"); "safetensors.…" for a file
/// that is cut short; IoError as UpdateFile and AtomicFile. With options.rebuild a file that is
/// there is replaced, if it is empty or begins as a prefix cache does, damaged or not; any other
/// file is "prefix_cache.format" and stays.
[[nodiscard]] std::unique_ptr<PrefixStore> open_file_store(PrefixContents contents,
                                                           const PrefixCacheOptions& options);

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/prefix_store.ipp>  // IWYU pragma: keep
#endif
