// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/checksum.hpp>
#include <solo/train/prefix_layout.hpp>

#include <algorithm>
#include <map>
#include <numeric>
#include <span>

namespace solo::inline SOLO_ABI {

SOLO_INLINE PrefixLayout::PrefixLayout(const Dataset& data) {
  std::vector<Index> examples(static_cast<std::size_t>(data.size()));
  std::iota(examples.begin(), examples.end(), Index{0});
  all_ = data.batch_of(examples, {.share_context = true});
  all_.targets = {};
  own_.assign(examples.size(), -1);
  for (std::size_t i = 0; i < all_.segments.size(); ++i) {
    // A context comes before the first of its examples, whose own rows take its place here.
    own_[static_cast<std::size_t>(all_.segment_examples[i])] = static_cast<Index>(i);
  }
}

SOLO_INLINE std::string PrefixLayout::fingerprint() const {
  Checksum checksum;
  checksum.update(std::as_bytes(std::span(all_.ids)));
  checksum.update(std::as_bytes(std::span(all_.segments)));
  checksum.update(std::as_bytes(std::span(own_)));
  return checksum.digits();
}

SOLO_INLINE void PrefixLayout::find(const Batch& batch, std::vector<Part>& parts) const {
  const auto refuse = [](std::size_t segment) {
    fail<ShapeError>("prefix_cache.batch", "segment ", segment,
                     " of the batch is no part of the data set that the cache is of");
  };
  parts.clear();
  if (batch.segment_examples.size() != batch.segments.size()) refuse(0);
  for (std::size_t i = 0; i < batch.segments.size(); ++i) {
    const Segment& s = batch.segments[i];
    const Index example = batch.segment_examples[i];
    if (example < 0 || example >= static_cast<Index>(own_.size())) refuse(i);
    const Index own = own_[static_cast<std::size_t>(example)];
    if (own < 0 || s.position + s.length > piece(own).position + piece(own).length) refuse(i);
    const Index end = s.position + s.length;
    for (const Index number : {piece(own).parent, own}) {
      if (number < 0) continue;
      const Segment& p = piece(number);
      const Index first = std::max(s.position, p.position);
      const Index last = std::min(end, p.position + p.length);
      if (first >= last) continue;
      const Index row = s.begin + first - s.position;
      if (!std::equal(all_.ids.begin() + p.begin + first - p.position,
                      all_.ids.begin() + p.begin + last - p.position, batch.ids.begin() + row)) {
        refuse(i);
      }
      parts.push_back(
          {.piece = number, .first = first - p.position, .length = last - first, .batch_row = row});
    }
  }
}

SOLO_INLINE Batch PrefixLayout::batch_of(const std::vector<Index>& pieces,
                                         std::vector<Index>& starts) const {
  Batch batch;
  std::map<Index, Index> segments;  // of the batch, by piece
  const auto add = [&](Index number, Index parent) {
    const auto known = segments.find(number);
    if (known != segments.end()) return known->second;
    const Segment& p = piece(number);
    const auto segment = static_cast<Index>(batch.segments.size());
    segments[number] = segment;
    batch.segments.push_back(
        {.begin = batch.rows(), .length = p.length, .position = p.position, .parent = parent});
    batch.ids.insert(batch.ids.end(), all_.ids.begin() + p.begin,
                     all_.ids.begin() + p.begin + p.length);
    return segment;
  };
  starts.clear();
  for (const Index number : pieces) {
    const Index before = piece(number).parent;
    const Index segment = add(number, before < 0 ? -1 : add(before, -1));
    starts.push_back(batch.segments[static_cast<std::size_t>(segment)].begin);
  }
  return batch;
}

}  // namespace solo::inline SOLO_ABI
