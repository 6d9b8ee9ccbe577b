// SPDX-License-Identifier: MIT
// A model that has been moved from is empty, and one that is held stays where it is.
#include <solo/adapters/adapters.hpp>
#include <solo/nn/gpt2.hpp>
#include <solo/nn/kv_cache.hpp>

#include "support/bad_input.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

using namespace solo;
using test::check_throws;

namespace {

using Model = GPT2<float>;

const GPT2Config kConfig{.vocab_size = 23,
                         .n_positions = 16,
                         .n_embd = 8,
                         .n_layer = 2,
                         .n_head = 2,
                         .bos_token_id = -1,
                         .eos_token_id = -1};

Model new_model() {
  return Model(kConfig, {.threads = 1});
}

Batch batch() {
  Batch b;
  b.ids = {1, 2, 3};
  b.targets = {2, 3, 4};
  b.segments = {{.length = 3}};
  return b;
}

/// f() throws a ConfigError of this id.
template <class F>
void refused(const F& f, std::string_view id) {
  check_throws<ConfigError>(
      [&] {
        f();
        return 0;
      },
      id, {});
}

}  // namespace

TEST_CASE("a model that has been moved from says so in every call", "[misuse]") {
  Model model = new_model();
  model.add_adapter("a", LoraConfig{.r = 1});
  const float loss = static_cast<float>(model.score(batch()).loss);
  const Model owner = std::move(model);
  Tape<float> tape;
  KeyValueCache<float> cache(kConfig, 1, 8);
  const std::vector<Index> first = {0};
  const std::vector<std::function<void()>> calls = {
      [&] {
        (void)model.logits({1, 2});
      },
      [&] { (void)model.loss(tape, batch()); },
      [&] { (void)model.score(batch()); },
      [&] { (void)model.parameters(); },
      [&] { (void)std::as_const(model).parameters(); },
      [&] { (void)model.parameter("wte.weight"); },
      [&] { (void)model.parameter_count(); },
      [&] { (void)model.trainable_parameters(); },
      [&] { (void)model.trainable_parameter_count(); },
      [&] { (void)model.active_adapter(); },
      [&] { model.add_adapter("b", LoraConfig{.r = 1}); },
      [&] { model.add_adapter("b", SoloConfig{.r = 1, .stride = 1}); },
      [&] { model.resize_token_embeddings(40); },
      [&] { (void)model.frozen_prefix(); },
      [&] { model.prefix_outputs(tape, batch(), {}, {}); },
      [&] { model.observe_links(batch(), [](const auto&...) {}); },
      [&] { (void)model.next_logits(batch(), cache, first); },
      [&] { (void)model.hold_adapters(); },
      [&] { model.save_pretrained("nothing-is-made"); }};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CAPTURE(i);
    refused(calls[i], "model.moved");
  }
  refused([&] { model.set_adapter("a"); }, "adapter.unknown");
  refused([&] { (void)model.merge_adapter("a"); }, "adapter.unknown");
  CHECK(model.adapter_names().empty());
  CHECK_FALSE(std::filesystem::exists("nothing-is-made"));
  CHECK(static_cast<float>(owner.score(batch()).loss) == loss);
  CHECK(owner.active_adapter() == "a");
  model = new_model();  // and can be used again
  CHECK(model.active_adapter().empty());
  CHECK(model.logits({1, 2}).rows() == 2);
}

TEST_CASE("a held model is neither moved, replaced nor resized", "[misuse]") {
  Model model = new_model();
  model.add_adapter("a", LoraConfig{.r = 1});
  const Matrix<float> before = model.logits({1, 2, 3});
  Model other = new_model();
  {
    const AdapterHold hold = model.hold_adapters();
    refused([&] { const Model taken = std::move(model); }, "adapter.held");
    refused([&] { other = std::move(model); }, "adapter.held");
    refused([&] { model = new_model(); }, "adapter.held");
    refused([&] { std::swap(model, other); }, "adapter.held");
    refused([&] { model.resize_token_embeddings(40); }, "adapter.held");
    refused([&] { (void)model.hold_for_training(); }, "adapter.held");
    const AdapterHold second = model.hold_adapters();
  }
  CHECK(model.logits({1, 2, 3}) == before);
  CHECK(other.logits({1, 2, 3}).rows() == 3);
  model.delete_adapter("a");
  other = std::move(model);
  CHECK(other.logits({1, 2, 3}).rows() == 3);

  std::optional<Model> gone(std::in_place, kConfig, ModelOptions{.threads = 1});
  const AdapterHold outlives = gone->hold_adapters();
  gone.reset();
}

TEST_CASE("an observer of links cannot take the adapter away", "[misuse]") {
  Model model = new_model();
  model.add_adapter("a", SoloConfig{.r = 2, .stride = 1});
  using Call = std::function<void()>;
  for (const Call& call :
       {Call([&] { model.delete_adapter("a"); }), Call([&] { model.disable_adapters(); }),
        Call([&] { model = new_model(); })}) {
    refused([&] { model.observe_links(batch(), [&](const auto&...) { call(); }); }, "adapter.held");
  }
  CHECK(model.active_adapter() == "a");
  model.delete_adapter("a");
}

TEST_CASE("the backward pass of a model that is no longer what it was is refused", "[misuse]") {
  const auto changed_by = [](const std::function<void(Model&)>& change, bool adapted = true) {
    Model model = new_model();
    if (adapted) model.add_adapter("a", LoraConfig{.r = 1});
    Tape<float> tape;
    const Var<float> loss = model.loss(tape, batch());
    change(model);
    refused([&] { tape.backward(loss); }, "tape.changed");
    CHECK(tape.size() == 0);
  };
  changed_by([](Model& m) { m.delete_adapter("a"); });
  changed_by([](Model& m) { (void)m.merge_adapter("a"); });
  changed_by([](Model& m) { m.resize_token_embeddings(40); }, false);
  changed_by([](Model& m) { m = new_model(); });
  Model elsewhere = new_model();
  changed_by([&](Model& m) { elsewhere = std::move(m); });

  Tape<float> tape;
  Var<float> loss;
  {
    Model model = new_model();
    loss = model.loss(tape, batch());
  }
  refused([&] { tape.backward(loss); }, "tape.changed");

  // Another adapter beside it changes nothing of what was recorded.
  Model model = new_model();
  Adapter<float>& a = model.add_adapter("a", LoraConfig{.r = 1});
  loss = model.loss(tape, batch());
  model.add_adapter("b", LoraConfig{.r = 1});
  model.set_adapter("b");
  tape.backward(loss);
  CHECK(a.parameters().front()->has_grad());
}
