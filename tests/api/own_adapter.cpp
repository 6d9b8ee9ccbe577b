// SPDX-License-Identifier: MIT
// Section 5: one's own adapter, without a backward pass to write.
#include <solo/solo.hpp>

#include "support.hpp"

#include <memory>
#include <vector>

using solo::test::require;

template <class T>
struct GatedTanh final : solo::BlockAdapter<T> {  // h_dst += a ⊙ tanh(h_src)
  solo::Parameter<T> a;
  explicit GatedTanh(const solo::GPT2Config& c)
      : a("a", {c.n_embd}) {}  // zeros: starts as the base
  std::vector<solo::Link> links() const override { return {{1, 3}, {2, 4}}; }
  std::vector<solo::Parameter<T>*> parameters() override { return {&a}; }
  solo::Var<T> delta(solo::Tape<T>& t, solo::Link, solo::Var<T> h) override {
    return solo::mul(t, solo::tanh(t, h), a);
  }
};

int main() {
  auto model = solo::GPT2<double>::from_pretrained(solo::test::model_dir());
  const std::vector<int> ids = {5, 6, 7, 8};
  const solo::Matrix<double> base = model.logits(ids);
  model.add_adapter("mine", std::make_unique<GatedTanh<double>>(model.config()));
  require(model.logits(ids) == base, "it starts as the base");

  const solo::Batch batch =
      solo::Dataset::from_ids({{{5, 6, 7, 8}, {5, 6, 7, 8}}}).batch({.size = 1});
  const std::vector<solo::Parameter<double>*> parameters = model.trainable_parameters();
  require(parameters.size() == 1, "one trainable tensor");
  const auto checks = solo::check_gradients<double>(
      [&](solo::Tape<double>& tape) { return model.loss(tape, batch); }, parameters);
  require(checks.front().norm > 0.0 && checks.front().relative_error < 1e-6, "gradients are right");
}
