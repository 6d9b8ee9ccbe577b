// SPDX-License-Identifier: MIT
// A data file: the first byte chooses format and options, the rest is the file.

#include <solo/data/dataset.hpp>
#include <solo/text/tokenizer.hpp>

#include "fuzz/fuzz.hpp"

#include <array>

namespace {

using namespace solo;

/// Every example, and every row of the batches of an epoch.
void read_all(const Dataset& data, const DatasetOptions& options) {
  Index scored = 0;
  Index tokens = 0;
  for (Index i = 0; i < data.size(); ++i) {
    const Example& example = data[i];
    const auto length = static_cast<Index>(example.ids.size());
    fuzz::require(length > 0 && example.labels.size() == example.ids.size(), "labels fit ids");
    fuzz::require(example.context_length >= 0 && example.context_length <= length,
                  "a context is part of its example");
    for (const int id : example.ids) {
      fuzz::require(id >= 0 && (options.vocab_size == 0 || id < options.vocab_size), "ids fit");
    }
    fuzz::require(options.max_length == 0 || length <= options.max_length, "long examples are cut");
    scored += example.scored_tokens();
    tokens += length;
  }
  fuzz::require(scored == data.scored_tokens() && scored > 0 && tokens == data.total_tokens(),
                "the counts are the examples'");
  for (const bool share : {false, true}) {
    Index seen = 0;
    Index targets = 0;
    const Index steps = data.steps_per_epoch(3);
    for (Index step = 0; step < steps; ++step) {
      const Batch batch = data.batch({.step = step, .size = 3, .share_context = share});
      Index row = 0;
      for (const Segment& segment : batch.segments) {
        fuzz::require(segment.begin == row && segment.length > 0, "segments lie end to end");
        row += segment.length;
      }
      fuzz::require(row == batch.rows() && batch.targets.size() == batch.ids.size(),
                    "every row is in a segment");
      const auto is_scored = [](int target) { return target != kIgnoreIndex; };
      targets += std::count_if(batch.targets.begin(), batch.targets.end(), is_scored);
      seen += batch.examples;
    }
    fuzz::require(seen == data.size() && targets == scored, "an epoch has every label once");
  }
}

Tokenizer byte_tokenizer(const fuzz::Folder& folder) {
  folder.write("vocab.json", fuzz::byte_vocabulary());
  folder.write("merges.txt", "");
  return Tokenizer::from_pretrained(folder.path());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const Tokenizer tokenizer = byte_tokenizer(folder);
  if (size == 0) return 0;
  const unsigned choice = data[0];
  constexpr std::array kFormats = {DataFormat::jsonl, DataFormat::csv, DataFormat::txt,
                                   DataFormat::jsonl};
  DatasetOptions options;
  options.format = kFormats[choice & 3U];
  options.separator = (choice & 4U) != 0 ? Separator::none : Separator::eos;
  options.completion_only = (choice & 8U) == 0;
  options.max_length = (choice & 16U) != 0 ? 9 : 0;
  options.n_positions = (choice & 32U) != 0 ? 20 : 0;
  options.vocab_size = (choice & 64U) != 0 ? 257 : 0;
  folder.write("rows", fuzz::text_of(data, size).substr(1));
  fuzz::accepted([&] {
    const auto path = folder.path("rows");
    read_all((choice & 3U) == 3U ? Dataset::from_ids_file(path, options)
                                 : Dataset::from_file(path, tokenizer, options),
             options);
  });
  return 0;
}
