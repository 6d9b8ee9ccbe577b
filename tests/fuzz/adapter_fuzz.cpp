// SPDX-License-Identifier: MIT
// An adapter folder on a tiny model: adapter_config.json, then adapter_model.safetensors. What is
// accepted is used forward and backward, and survives being written; what is not leaves the model
// as it was.

#include <solo/adapters/adapters.hpp>
#include <solo/nn/nn.hpp>

#include "adapters/tiny_model.hpp"
#include "fuzz/fuzz.hpp"

#include <cmath>

namespace {

using namespace solo;

void use(GPT2<float>& model, const Batch& batch) {
  static const fuzz::Folder saved;
  fuzz::accepted(
      [&] { fuzz::require(std::isfinite(model.score(batch).loss), "an accepted loss is finite"); });
  fuzz::accepted([&] {
    Tape<float> tape(model.pool());
    tape.backward(model.loss(tape, batch));
  });
  model.save_adapter("a", saved.path());
  model.load_adapter("again", saved.path());
  const Matrix<float> first = model.logits(batch.ids, {.adapter = "a"});
  fuzz::require(test::same_bits(first, model.logits(batch.ids, {.adapter = "again"})),
                "logits survive bit by bit");
  fuzz::accepted([&] {
    model.merge_adapter("a");
    model.unmerge_adapter("a");
  });
  model.delete_adapter("again");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  static GPT2<float> model = test::tiny_model<float>();
  static const Batch batch = test::random_batch({4}, model.config());
  static const Matrix<float> before = model.logits(batch.ids);
  const auto parts = fuzz::parts_of(fuzz::text_of(data, size), 2);
  folder.write(kAdapterConfigFile, parts.front());
  folder.write(kAdapterTensorFile, parts.size() == 2 ? parts.back() : std::string_view());
  if (fuzz::accepted([&] { model.load_adapter("a", folder.path()); })) {
    use(model, batch);
    model.delete_adapter("a");
    fuzz::require(test::same_bits(before, model.logits(batch.ids)), "the base is what it was");
  }
  fuzz::require(model.adapter_names().empty(), "no adapter is left behind");
  return 0;
}
