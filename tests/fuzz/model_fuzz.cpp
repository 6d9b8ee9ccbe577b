// SPDX-License-Identifier: MIT
// A model folder: config.json, then model.safetensors; or three parts, generation_config.json
// between them; or four, an index and two shards. What is accepted is run, and survives being
// written.

#include <solo/nn/nn.hpp>

#include "adapters/tiny_model.hpp"
#include "fuzz/fuzz.hpp"

#include <cmath>

namespace {

using namespace solo;

void write_folder(const fuzz::Folder& folder, std::string_view input) {
  const auto parts = fuzz::parts_of(input, 4);
  folder.write("config.json", parts[0]);
  for (const char* name : {"generation_config.json", "model.safetensors",
                           "model.safetensors.index.json", "a.safetensors", "b.safetensors"}) {
    folder.remove(name);
  }
  if (parts.size() == 4) {
    folder.write("model.safetensors.index.json", parts[1]);
    folder.write("a.safetensors", parts[2]);
    folder.write("b.safetensors", parts[3]);
  } else {
    folder.write("model.safetensors", parts.back());
    if (parts.size() == 3) folder.write("generation_config.json", parts[1]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static const fuzz::Folder saved;
  write_folder(folder, fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto model = GPT2<float>::from_pretrained(folder.path(), {.threads = 1});
    const GPT2Config& config = model.config();
    for (const int id : model.eos_token_ids()) {
      fuzz::require(id >= 0 && id < config.vocab_size, "end tokens are in the vocabulary");
    }
    const Batch batch = test::random_batch({std::min<Index>(config.n_positions, 3)}, config);
    fuzz::accepted([&] {
      fuzz::require(std::isfinite(model.score(batch).loss), "an accepted loss is finite");
    });
    model.save_pretrained(saved.path());
    const auto again = GPT2<float>::from_pretrained(saved.path(), {.threads = 1});
    fuzz::require(again.config().to_json() == config.to_json(), "the configuration survives");
    fuzz::require(again.eos_token_ids() == model.eos_token_ids(), "the end tokens survive");
    fuzz::require(test::same_bits(again.logits(batch.ids), model.logits(batch.ids)),
                  "logits survive bit by bit");
  });
  return 0;
}
