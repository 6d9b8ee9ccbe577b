// SPDX-License-Identifier: MIT
/// @file
/// The rows of a whole data set, each context once, as the prefix cache numbers them.
#pragma once

#include <solo/data/dataset.hpp>

#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Rows that are kept together: a context that examples share but for its last token, the rest of
/// such an example, or an example that shares nothing. What a frozen prefix gives for them depends
/// on their ids and those of the context before them alone, whatever batch they are in.
class PrefixLayout {
 public:
  /// Consecutive rows of a segment of some batch.
  struct Part {
    Index piece = 0;
    Index first = 0;  ///< row of the piece
    Index length = 0;
    Index batch_row = 0;
  };

  explicit PrefixLayout(const Dataset& data);

  [[nodiscard]] Index pieces() const noexcept { return static_cast<Index>(all_.segments.size()); }
  /// Its rows among all (begin), its first position, and the piece before it (parent), or -1.
  [[nodiscard]] const Segment& piece(Index i) const {
    return all_.segments[static_cast<std::size_t>(i)];
  }
  [[nodiscard]] Index rows() const noexcept { return all_.rows(); }
  /// Checksum of the pieces and their ids, as hexadecimal digits.
  [[nodiscard]] std::string fingerprint() const;

  /// Where the rows of a batch of this data set are; ShapeError ("prefix_cache.batch") when it is
  /// of another.
  void find(const Batch& batch, std::vector<Part>& parts) const;
  /// A batch of these pieces and of those before them; by piece, starts[i] is its first row.
  [[nodiscard]] Batch batch_of(const std::vector<Index>& pieces, std::vector<Index>& starts) const;

 private:
  Batch all_;               // the data set as one batch of shared contexts
  std::vector<Index> own_;  // by example: the piece with its last rows, or -1
};

}  // namespace solo::inline SOLO_ABI

#if SOLO_HEADER_ONLY
#include <solo/train/prefix_layout.ipp>  // IWYU pragma: keep
#endif
