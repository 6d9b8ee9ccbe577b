// SPDX-License-Identifier: MIT
// A data file: the first byte chooses format and options, the rest is the file.

#include <solo/data/dataset.hpp>
#include <solo/text/tokenizer.hpp>

#include "fuzz/rows.hpp"

#include <array>

using namespace solo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const Tokenizer tokenizer = fuzz::byte_tokenizer(folder);
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
    fuzz::read_all((choice & 3U) == 3U ? Dataset::from_ids_file(path, options)
                                       : Dataset::from_file(path, tokenizer, options),
                   options);
  });
  return 0;
}
