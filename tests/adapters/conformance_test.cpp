// SPDX-License-Identifier: MIT
// What every adapter promises, over a list of configurations of every kind.

#include <solo/autograd/gradcheck.hpp>
#include <solo/io/file.hpp>

#include "adapters/conformance_cases.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>

using namespace solo;
using namespace solo::test;

namespace {

const std::vector<int> kIds = {3, 17, 5, 5, 22, 0, 9, 11};

/// A float model with the case's adapter, moved away from its start.
GPT2<float> adapted_model(const ConformanceCase& c, int threads = 1) {
  GPT2<float> model = tiny_model<float>(tiny_config(), threads);
  c.add_float(model, "a");
  disturb(model.trainable_parameters(), 0.3, 21);
  return model;
}

}  // namespace

TEST_CASE("An adapter starts as the base, bit for bit", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    GPT2<float> model = tiny_model<float>();
    const Matrix<float> base = model.logits(kIds);
    c.add_float(model, "a");
    CHECK(model.active_adapter() == "a");
    CHECK(same_bits(model.logits(kIds), base));
    CHECK(model.trainable_parameter_count() > 0);
  }
}

TEST_CASE("A step from the start moves every adapter", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    GPT2<float> model = tiny_model<float>();
    const Matrix<float> base = model.logits(kIds);
    c.add_float(model, "a");
    Tape<float> tape;
    tape.backward(model.loss(tape, random_batch({5, 1, 7}, model.config())));
    for (Parameter<float>* p : model.trainable_parameters()) {
      for (Index i = 0; i < p->size(); ++i) p->value().data()[i] -= 0.5F * p->grad().data()[i];
    }
    CHECK(!same_bits(model.logits(kIds), base));
  }
}

TEST_CASE("Every adapter tensor's gradient is that of central differences", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    if (!c.exact) continue;  // tests/adapters/lora checks these with the norms held
    for (const std::vector<Index>& lengths : {std::vector<Index>{1}, {6, 1, 4}}) {
      CAPTURE(c.name, lengths.size());
      GPT2<double> model = tiny_model<double>();
      c.add_double(model, "a");
      disturb(model.trainable_parameters(), 0.3, 21);
      const Batch batch = random_batch(lengths, model.config());
      const std::vector<GradientCheck> checks = check_gradients<double>(
          [&](Tape<double>& tape) {
            return model.loss(tape, batch,
                              {.label_smoothing = 0.1, .normalizer = 1, .homotopy = 0.7});
          },
          model.trainable_parameters());
      double norm = 0.0;
      for (const GradientCheck& check : checks) {
        CAPTURE(check.name, check.norm);
        CHECK(check.relative_error <= 1e-6);
        norm += check.norm;
      }
      CHECK(norm > 1e-3);
    }
  }
}

TEST_CASE("A label has one loss and gradient, whichever rows are scored beside it",
          "[conformance]") {
  // With every row scored none is left out of the last block; with one label all others are.
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    GPT2<double> model = tiny_model<double>();
    c.add_double(model, "a");
    disturb(model.trainable_parameters(), 0.3, 21);
    Batch batch = random_batch({3, 2, 5}, model.config());
    batch.segments[1].parent = 0;
    batch.segments[1].position = 3;
    for (const std::size_t first : {0U, 3U, 5U}) batch.targets[first] = 7;
    double loss = 0.0;
    LossOptions options = {.label_smoothing = 0.1,
                           .normalizer = 1,
                           .model_dropout = true,
                           .homotopy = 0.7,
                           .loss_sum = &loss};
    Tape<double> tape;
    const auto parameters = model.trainable_parameters();
    tape.backward(model.loss(tape, batch, options));
    const double together = loss;
    const std::vector<Tensor<double>> expected = gradients(parameters);
    for (Parameter<double>* p : parameters) p->zero_grad();
    double alone = 0.0;
    for (std::size_t i = 0; i < batch.targets.size(); ++i) {
      Batch one = batch;
      one.targets.assign(batch.targets.size(), kIgnoreIndex);
      one.targets[i] = batch.targets[i];
      tape.backward(model.loss(tape, one, options));
      alone += loss;
    }
    CHECK(alone == together);  // the same bits, added in the same order
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      CAPTURE(parameters[i]->name());
      CHECK(relative_difference(parameters[i]->grad(), expected[i]) < 1e-12);
    }
  }
}

TEST_CASE("Decoding with a cache gives the bits of the full forward", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    const GPT2<float> model = adapted_model(c);
    const Matrix<float> full = model.logits(kIds);
    KeyValueCache<float> cache(model.config(), 1, static_cast<Index>(kIds.size()));
    const std::vector<Index> sequences = {0};
    Index done = 0;
    for (const Index count : {Index{3}, Index{1}, Index{2}, Index{1}, Index{1}}) {
      Batch batch;
      batch.ids.assign(kIds.begin() + done, kIds.begin() + done + count);
      batch.segments = {{.length = count, .position = done}};
      const Matrix<float> next = as_eigen(model.next_logits(batch, cache, sequences));
      done += count;
      CAPTURE(done);
      CHECK(same_bits<float>(next, full.row(done - 1)));
    }
  }
}

TEST_CASE("Training an adapter leaves the base alone", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    GPT2<float> model = adapted_model(c);
    const std::vector<Tensor<float>> base = copies(model.parameters());
    const std::vector<Tensor<float>> adapter = copies(model.adapter("a").parameters());
    Tape<float> tape;
    for (int step = 0; step < 2; ++step) {
      Batch batch = random_batch({6, 1, 4}, model.config());
      batch.step = step;
      tape.backward(model.loss(tape, batch));
      CHECK(tape.size() == 0);
      for (Parameter<float>* p : model.trainable_parameters()) {
        for (Index i = 0; i < p->size(); ++i) p->value().data()[i] -= 0.1F * p->grad().data()[i];
        p->zero_grad();
      }
    }
    CHECK(same_bits(copies(model.parameters()), base));
    for (const Parameter<float>* p : model.parameters()) {
      CHECK(!p->requires_grad());
      CHECK(!p->has_grad());
    }
    const std::vector<Parameter<float>*> now = model.adapter("a").parameters();
    bool moved = false;
    for (std::size_t i = 0; i < now.size(); ++i) {
      const bool same = same_bits(now[i]->value(), adapter[i]);
      if (!now[i]->requires_grad()) CHECK(same);
      moved = moved || !same;
    }
    CHECK(moved);
  }
}

TEST_CASE("Disabled adapters leave exactly the base", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    const Matrix<float> base = tiny_model<float>().logits(kIds);
    GPT2<float> model = adapted_model(c);
    const Matrix<float> adapted = model.logits(kIds);
    CHECK(!same_bits(adapted, base));
    CHECK(same_bits(model.logits(kIds, {.adapter = ""}), base));
    model.disable_adapters();
    CHECK(model.active_adapter().empty());
    CHECK(same_bits(model.logits(kIds), base));
    CHECK(same_bits(model.logits(kIds, {.adapter = "a"}), adapted));
    model.enable_adapters();
    CHECK(same_bits(model.logits(kIds), adapted));
    model.delete_adapter("a");
    CHECK(same_bits(model.logits(kIds), base));
  }
}

TEST_CASE("A saved adapter comes back bit for bit", "[conformance]") {
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    const TempDir dir;
    GPT2<float> model = adapted_model(c);
    model.save_adapter("a", dir.path() / "first");
    GPT2<float> other = tiny_model<float>();
    if (c.loads) {
      other.load_adapter("b", dir.path() / "first");
    } else {
      c.add_float(other, "b");
      read_adapter_tensors(dir.path() / "first", other.adapter("b"));
    }
    CHECK(other.active_adapter() == "b");
    CHECK(same_bits(other.logits(kIds), model.logits(kIds)));
    other.save_adapter("b", dir.path() / "second");
    for (const std::string_view name : {kAdapterConfigFile, kAdapterTensorFile}) {
      CHECK(read_text_file(dir.path() / "first" / name) ==
            read_text_file(dir.path() / "second" / name));
    }
  }
}

TEST_CASE("Adapters are switched without touching one another", "[conformance]") {
  const std::vector<ConformanceCase> cases = conformance_cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const ConformanceCase& second = cases[(i + 1) % cases.size()];
    CAPTURE(cases[i].name, second.name);
    const Matrix<float> first_alone = adapted_model(cases[i]).logits(kIds);
    const Matrix<float> second_alone = adapted_model(second).logits(kIds);
    GPT2<float> model = adapted_model(cases[i]);
    second.add_float(model, "b");
    CHECK(model.active_adapter() == "b");
    disturb(model.trainable_parameters(), 0.3, 21);
    CHECK(same_bits(model.logits(kIds), second_alone));
    CHECK(same_bits(model.logits(kIds, {.adapter = "a"}), first_alone));
    Tape<float> tape;
    tape.backward(model.loss(tape, random_batch({5}, model.config())));
    for (const Parameter<float>* p : model.adapter("a").parameters()) CHECK(!p->has_grad());
    model.set_adapter("a");
    CHECK(same_bits(model.logits(kIds), first_alone));
    model.set_adapter("b");
    CHECK(same_bits(model.logits(kIds), second_alone));
  }
}

TEST_CASE("One thread and two give the same bits", "[conformance]") {
  GPT2Config config = tiny_config();
  config.n_positions = 90;
  config.n_embd = 24;
  const Batch batch = random_batch({80, 1, 90, 37}, config);
  for (const ConformanceCase& c : conformance_cases()) {
    CAPTURE(c.name);
    const auto run = [&](int threads) {
      GPT2<float> model = tiny_model<float>(config, threads);
      c.add_float(model, "a");
      disturb(model.trainable_parameters(), 0.1, 21);
      Tape<float> tape;
      const Var<float> loss = model.loss(tape, batch);
      Tensor<float> value({1});
      *value.data() = loss.item();
      tape.backward(loss);
      std::vector<Tensor<float>> result = gradients(model.trainable_parameters());
      result.push_back(std::move(value));
      return result;
    };
    CHECK(same_bits(run(1), run(2)));
  }
}
