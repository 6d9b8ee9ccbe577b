// SPDX-License-Identifier: MIT
// The bare model against transformers: every file layout and every field of config.json.

#include <solo/autograd/tape.hpp>
#include <solo/nn/gpt2.hpp>

#include "parity/cases.hpp"

#include <nlohmann/json.hpp>

namespace {

using solo::test::GoldenCase;
using solo::test::Margin;
using solo::test::scalar_name;

/// A parameter's name in the files of transformers.
std::string file_name(const std::string& name) {
  return name == "lm_head.weight" ? name : "transformer." + name;
}

template <class T>
void check_gradients(solo::GPT2<T>& model, const GoldenCase& c, const solo::Json& entry,
                     Margin& margin) {
  const auto prefix = entry.at("gradients").get<std::string>();
  double squares = 0.0;
  std::size_t compared = 0;
  for (solo::Parameter<T>* p : model.trainable_parameters()) {
    for (const T g : p->grad().span()) squares += static_cast<double>(g) * static_cast<double>(g);
    const std::string key = prefix + file_name(p->name());
    if (c.tensors->find(key) == nullptr) continue;
    margin.add(solo::test::relative_l2(p->grad().span(), c.tensor(key)),
               solo::test::limit<T>(1e-4, 1e-9), c.name + ", " + p->name());
    ++compared;
  }
  CHECK(compared > 0);
  const double norm = entry.at("grad_norm").get<double>();
  margin.add(std::abs(std::sqrt(squares) - norm) / norm, solo::test::limit<T>(1e-5, 1e-9),
             c.name + ", norm of all");
}

}  // namespace

TEMPLATE_TEST_CASE("base: logits, losses and gradients are transformers'", "[parity]", float,
                   double) {
  Margin logits("base logits " + scalar_name<TestType>());
  Margin losses("base losses " + scalar_name<TestType>());
  Margin gradients("base gradients " + scalar_name<TestType>());
  for (const GoldenCase& c : solo::test::golden_cases("base")) {
    INFO("case " << c.name);
    auto model = solo::GPT2<TestType>::from_pretrained(c.folder("model"), {.threads = 1});
    solo::test::check_logits(model, c, logits);
    for (const solo::Json& entry : c.json.at("losses")) {
      for (solo::Parameter<TestType>* p : model.trainable_parameters()) p->zero_grad();
      solo::Tape<TestType> tape;
      const auto loss = solo::test::check_loss(model, tape, entry, losses, c.name);
      if (!entry.at("gradients").is_string()) continue;
      tape.backward(loss);
      check_gradients(model, c, entry, gradients);
    }
  }
}

TEMPLATE_TEST_CASE("base: score is the mean over the scored tokens", "[parity]", float, double) {
  Margin losses("base score " + scalar_name<TestType>());
  for (const GoldenCase& c : solo::test::golden_cases("base")) {
    const auto model = solo::GPT2<TestType>::from_pretrained(c.folder("model"), {.threads = 1});
    const solo::Json& plain = c.json.at("losses").at(0);
    const solo::Score score = model.score(solo::test::ragged_batch(plain.at("examples")));
    CHECK(score.tokens == plain.at("tokens").template get<solo::Index>());
    const double want = plain.at("loss").template get<double>();
    losses.add(std::abs(score.loss - want) / want, solo::test::limit<TestType>(1e-6, 1e-9), c.name);
  }
}
