// SPDX-License-Identifier: MIT
// Adapters against peft (LoRA, DoRA, LayerNorm tuning) and the Solo oracle.

#include <solo/adapters/adapters.hpp>
#include <solo/autograd/tape.hpp>
#include <solo/nn/gpt2.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

#include <set>

namespace {

using solo::test::GoldenCase;
using solo::test::Margin;
using solo::test::scalar_name;

template <class T>
void check_gradients(solo::Adapter<T>& adapter, const GoldenCase& c, const solo::Json& entry,
                     Margin& margin) {
  const auto prefix = entry.at("gradients").get<std::string>();
  std::set<std::string> missing;
  for (const solo::TensorInfo& info : c.tensors->tensors()) {
    if (info.name.starts_with(prefix)) missing.insert(info.name);
  }
  for (const auto& tensor : adapter.export_tensors(solo::FileContent::gradients)) {
    const std::string name = adapter.file_prefix() + tensor.name;
    INFO("gradient of " << name);
    REQUIRE(missing.erase(prefix + name) == 1);
    margin.add(solo::test::relative_l2(tensor.value.span(), c.tensor(prefix + name)),
               solo::test::limit<T>(1e-4, 1e-9), c.name + ", " + tensor.name);
  }
  INFO("first tensor without a gradient: " << (missing.empty() ? "none" : *missing.begin()));
  CHECK(missing.empty());
}

template <class T>
void check_kind(std::string_view kind) {
  const std::string label = std::string(kind) + ' ';
  Margin logits(label + "logits " + scalar_name<T>());
  Margin losses(label + "losses " + scalar_name<T>());
  Margin gradients(label + "gradients " + scalar_name<T>());
  for (const GoldenCase& c : solo::test::golden_cases(kind)) {
    INFO("case " << c.name);
    auto model = solo::GPT2<T>::from_pretrained(c.folder("model"), {.threads = 1});
    const solo::Matrix<T> base = model.logits({1, 2, 3, 4, 5});
    model.load_adapter("golden", c.folder("adapter"));
    CHECK(model.trainable_parameter_count("golden") == c.json.at("trainable").get<solo::Index>());
    solo::test::check_logits(model, c, logits);
    for (const solo::Json& entry : c.json.at("losses")) {
      for (solo::Parameter<T>* p : model.trainable_parameters()) p->zero_grad();
      solo::Tape<T> tape;
      // Dropout is not in the goldens: they are made in evaluation mode.
      const solo::Batch batch = solo::test::ragged_batch(entry.at("examples"));
      double sum = 0.0;
      const auto loss = model.loss(tape, batch,
                                   {.label_smoothing = entry.at("label_smoothing").get<double>(),
                                    .training = false,
                                    .loss_sum = &sum});
      const double want = entry.at("loss").get<double>();
      losses.add(std::abs(sum / static_cast<double>(batch.scored_tokens) - want) / want,
                 solo::test::limit<T>(1e-6, 1e-9), c.name);
      losses.add(std::abs(static_cast<double>(loss.item()) - want) / want,
                 solo::test::limit<T>(1e-6, 1e-9), c.name + " (item)");
      if (!entry.at("gradients").is_string()) continue;
      tape.backward(loss);
      check_gradients(model.adapter("golden"), c, entry, gradients);
    }
    model.disable_adapters();
    CHECK(model.logits({1, 2, 3, 4, 5}) == base);
  }
}

}  // namespace

TEMPLATE_TEST_CASE("adapters: LoRA and DoRA are peft's", "[parity]", float, double) {
  check_kind<TestType>("lora");
}

TEMPLATE_TEST_CASE("adapters: LayerNorm tuning is peft's", "[parity]", float, double) {
  check_kind<TestType>("ln_tuning");
}

TEMPLATE_TEST_CASE("adapters: Solo is the oracle's", "[parity]", float, double) {
  check_kind<TestType>("solo");
}
