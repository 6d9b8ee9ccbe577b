// SPDX-License-Identifier: MIT
// Gradient checkpointing changes no bit, whatever trains.

#include <solo/autograd/gradcheck.hpp>

#include "adapters/conformance_cases.hpp"
#include "support/catch.hpp"

#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

GPT2Config dropping_config() {
  GPT2Config config = tiny_config();
  config.attn_pdrop = 0.2;
  config.resid_pdrop = 0.3;
  config.embd_pdrop = 0.1;
  return config;
}

struct Outcome {
  float loss = 0.0F;
  std::vector<Tensor<float>> gradients;
};

Outcome outcome(GPT2<float>& model, const Batch& batch, bool checkpointing) {
  Tape<float> tape;
  Outcome result;
  for (Parameter<float>* p : model.trainable_parameters()) p->zero_grad();
  for (int pass = 0; pass < 2; ++pass) {  // the second one on memory that has been used
    const Var<float> loss = model.loss(tape, batch,
                                       {.label_smoothing = 0.1,
                                        .model_dropout = true,
                                        .homotopy = 0.7,
                                        .gradient_checkpointing = checkpointing});
    result.loss = loss.item();
    tape.backward(loss);
  }
  result.gradients = gradients(model.trainable_parameters());
  return result;
}

void check_same(GPT2<float>& model, const Batch& batch) {
  const Outcome plain = outcome(model, batch, false);
  const Outcome again = outcome(model, batch, true);
  CHECK(plain.loss == again.loss);
  CHECK(same_bits(plain.gradients, again.gradients));
}

/// Two sequences that share their first four tokens, and one alone.
Batch shared_batch(const GPT2Config& config) {
  Batch batch = random_batch({4, 3, 5, 2}, config);
  batch.segments[1].parent = 0;
  batch.segments[1].position = 4;
  batch.segments[2].parent = 0;
  batch.segments[2].position = 4;
  std::fill_n(batch.targets.begin(), 4, kIgnoreIndex);
  return batch;
}

}  // namespace

TEST_CASE("Checkpointing gives every adapter the same loss and gradients", "[checkpointing]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    GPT2<float> model = tiny_model<float>(dropping_config(), 2);
    c.add_float(model, "a");
    disturb(model.trainable_parameters(), 0.3, 21);
    check_same(model, random_batch({6, 1, 4}, model.config()));
    check_same(model, shared_batch(model.config()));
  }
}

TEST_CASE("Checkpointing gives full and partial fine-tuning the same gradients",
          "[checkpointing]") {
  GPT2<float> model = tiny_model<float>(dropping_config(), 2);
  check_same(model, shared_batch(model.config()));
  for (Parameter<float>* p : model.parameters()) {
    p->set_requires_grad(p->name().starts_with("h.2.") || p->name() == "ln_f.bias");
  }
  check_same(model, shared_batch(model.config()));
}

TEST_CASE("Gradients with checkpointing are those of central differences", "[checkpointing]") {
  const auto check = [](GPT2<double>& model) {
    disturb(model.trainable_parameters(), 0.3, 21);
    const Batch batch = random_batch({6, 1, 4}, model.config());
    for (const GradientCheck& found : check_gradients<double>(
             [&](Tape<double>& tape) {
               return model.loss(tape, batch, {.gradient_checkpointing = true});
             },
             model.trainable_parameters(), {.elements = 20})) {
      CAPTURE(found.name, found.norm);
      CHECK(found.relative_error <= 1e-6);
    }
  };
  GPT2<double> full = tiny_model<double>();
  check(full);
  GPT2<double> connected = tiny_model<double>();
  connected.add_adapter("a", SoloConfig{.r = 3, .stride = 1, .norm = SoloNorm::layer_norm});
  check(connected);
}

TEST_CASE("A link that gives its input back can be checkpointed", "[checkpointing]") {
  struct Identity final : BlockAdapter<float> {
    Parameter<float> factor{"factor", {8}};
    std::vector<Parameter<float>*> parameters() override { return {&factor}; }
    [[nodiscard]] std::vector<Link> links() const override { return {{0, 2}, {1, 3}}; }
    Var<float> delta(Tape<float>& tape, Link link, Var<float> h) override {
      return link.src == 0 ? mul(tape, h, factor) : h;
    }
  };
  GPT2<float> model = tiny_model<float>();
  model.add_adapter("a", std::make_unique<Identity>());
  disturb(model.trainable_parameters(), 0.3, 21);
  check_same(model, random_batch({6, 1, 4}, model.config()));
}

TEST_CASE("Checkpointing keeps a fraction of the activations", "[checkpointing]") {
  GPT2Config config = tiny_config();
  config.n_layer = 24;
  config.n_embd = 64;
  config.n_positions = 200;
  const auto peak = [&](bool checkpointing) {
    GPT2<float> model = tiny_model<float>(config);
    const Batch batch = random_batch({200, 200}, config);
    Tape<float> tape;
    tape.backward(model.loss(tape, batch, {.gradient_checkpointing = checkpointing}));
    return tape.peak_used();
  };
  CHECK(3 * peak(true) < peak(false));
}
