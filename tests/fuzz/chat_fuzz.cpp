// SPDX-License-Identifier: MIT
// A data file of conversations, instructions, chosen columns or plain text: the first byte chooses
// format and options, the rest is the file.

#include "fuzz/rows.hpp"

#include <array>

using namespace solo;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const Tokenizer tokenizer = fuzz::byte_tokenizer(folder);
  if (size == 0) return 0;
  const unsigned choice = data[0];
  constexpr std::array kFormats = {DataFormat::json, DataFormat::jsonl, DataFormat::tsv,
                                   DataFormat::text};
  DatasetOptions options;
  options.format = kFormats[choice & 3U];
  options.completion_only = (choice & 4U) == 0;
  if ((choice & 8U) != 0) options.chat_template = ChatTemplate::from_name("eos");
  if ((choice & 16U) != 0) options.instruction_template = "{input}<{instruction}>";
  if ((choice & 32U) != 0) options.columns = {{"prompt", "q"}, {"completion", "a"}};
  if ((choice & 64U) != 0) options.columns = {{"messages", "m"}};
  options.n_positions = (choice & 128U) != 0 ? 12 : 0;
  folder.write("rows", fuzz::text_of(data, size).substr(1));
  fuzz::accepted([&] {
    fuzz::read_all(Dataset::from_file(folder.path("rows"), tokenizer, options), options);
  });
  return 0;
}
