// SPDX-License-Identifier: MIT
/// @file
/// What the targets that read data files share.
#pragma once

#include <solo/data/dataset.hpp>
#include <solo/text/tokenizer.hpp>

#include "fuzz/fuzz.hpp"

#include <algorithm>

namespace solo::fuzz {

/// Every example, and every row of the batches of an epoch.
inline void read_all(const Dataset& data, const DatasetOptions& options) {
  Index scored = 0;
  Index tokens = 0;
  for (Index i = 0; i < data.size(); ++i) {
    const Example& example = data[i];
    const auto length = static_cast<Index>(example.ids.size());
    require(length > 0 && example.labels.size() == example.ids.size(), "labels fit ids");
    require(example.context_length >= 0 && example.context_length <= length,
            "a context is part of its example");
    for (const int id : example.ids) {
      require(id >= 0 && (options.vocab_size == 0 || id < options.vocab_size), "ids fit");
    }
    require(options.max_length == 0 || length <= options.max_length, "long examples are cut");
    scored += example.scored_tokens();
    tokens += length;
  }
  require(scored == data.scored_tokens() && scored > 0 && tokens == data.total_tokens(),
          "the counts are the examples'");
  for (const bool share : {false, true}) {
    Index seen = 0;
    Index targets = 0;
    const Index steps = data.steps_per_epoch(3);
    for (Index step = 0; step < steps; ++step) {
      const Batch batch = data.batch({.step = step, .size = 3, .share_context = share});
      Index row = 0;
      for (const Segment& segment : batch.segments) {
        require(segment.begin == row && segment.length > 0, "segments lie end to end");
        row += segment.length;
      }
      require(row == batch.rows() && batch.targets.size() == batch.ids.size(),
              "every row is in a segment");
      const auto is_scored = [](int target) { return target != kIgnoreIndex; };
      targets += std::count_if(batch.targets.begin(), batch.targets.end(), is_scored);
      seen += batch.examples;
    }
    require(seen == data.size() && targets == scored, "an epoch has every label once");
  }
}

[[nodiscard]] inline Tokenizer byte_tokenizer(const Folder& folder) {
  folder.write("vocab.json", byte_vocabulary());
  folder.write("merges.txt", "");
  return Tokenizer::from_pretrained(folder.path());
}

}  // namespace solo::fuzz
