// SPDX-License-Identifier: MIT
#include <solo/io/json_fields.hpp>
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

using solo::Index;

namespace {

std::vector<double> numbers(const solo::Json& list) {
  std::vector<double> out;
  for (const auto& x : list) out.push_back(x.get<double>());
  return out;
}

/// Parameters of one golden case.
template <class T>
struct Case {
  std::vector<std::unique_ptr<solo::Parameter<T>>> owned;
  std::vector<solo::ParamGroup<T>> groups;

  explicit Case(const solo::Json& json) {
    for (const auto& entry : json.at("parameters")) {
      std::vector<Index> shape;
      for (const auto& n : entry.at("shape")) shape.push_back(n.get<Index>());
      owned.push_back(std::make_unique<solo::Parameter<T>>(entry.at("name"), shape));
      const std::vector<double> values = numbers(entry.at("value"));
      for (std::size_t i = 0; i < values.size(); ++i) {
        owned.back()->value().span()[i] = static_cast<T>(values[i]);
      }
      groups.push_back({.parameters = {owned.back().get()},
                        .weight_decay = entry.at("weight_decay").template get<double>(),
                        .lr_multiplier = entry.at("lr_multiplier").template get<double>()});
    }
  }
  std::vector<solo::Parameter<T>*> all() {
    std::vector<solo::Parameter<T>*> out;
    for (auto& p : owned) out.push_back(p.get());
    return out;
  }
  void set_gradients(const solo::Json& gradients) {
    for (std::size_t i = 0; i < owned.size(); ++i) {
      if (gradients[i].is_null()) {
        owned[i]->drop_grad();
        continue;
      }
      const std::vector<double> g = numbers(gradients[i]);
      for (std::size_t j = 0; j < g.size(); ++j) {
        owned[i]->grad().span()[j] = static_cast<T>(g[j]);
      }
    }
  }
};

/// Follows a golden case; `fused` passes the clip factor to step() instead of scaling gradients.
template <class T>
void follow(const solo::Json& json, bool fused, double tolerance) {
  Case<T> state(json);
  solo::AdamW<T> optimizer(state.groups, {.learning_rate = json.at("learning_rate"),
                                          .beta1 = json.at("beta1"),
                                          .beta2 = json.at("beta2"),
                                          .epsilon = json.at("epsilon")});
  const double max_norm = json.at("max_norm");
  for (const auto& step : json.at("steps")) {
    state.set_gradients(step.at("gradients"));
    const double norm = fused || max_norm == 0.0 ? solo::gradient_norm(state.all())
                                                 : solo::clip_grad_norm(state.all(), max_norm);
    CHECK(std::abs(norm - step.at("norm").get<double>()) <= tolerance * norm);
    const double scale = fused && max_norm > 0.0 ? solo::clip_factor(norm, max_norm) : 1.0;
    optimizer.step({.gradient_scale = scale});
    for (std::size_t i = 0; i < state.owned.size(); ++i) {
      const std::vector<double> expected = numbers(step.at("values")[i]);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        const auto found = static_cast<double>(state.owned[i]->value().span()[j]);
        CAPTURE(state.owned[i]->name(), j);
        CHECK(std::abs(found - expected[j]) <= tolerance * std::max(1.0, std::abs(expected[j])));
      }
    }
  }
}

template <class T>
void set(solo::Parameter<T>& p, std::initializer_list<double> gradient) {
  std::size_t i = 0;
  for (const double g : gradient) p.grad().span()[i++] = static_cast<T>(g);
}

}  // namespace

TEST_CASE("AdamW follows torch.optim.AdamW, with clipping, groups and missing gradients",
          "[optim]") {
  const solo::Json golden = solo::read_json_file(solo::test::golden_dir() / "optim/adamw.json");
  std::size_t singles = 0;
  for (const auto& json : golden.at("cases")) {
    for (const bool fused : {false, true}) {
      if (json.at("dtype") == "float32") {
        ++singles;
        follow<float>(json, fused, 1e-6);
      } else {
        follow<double>(json, fused, 1e-13);
      }
    }
  }
  CHECK(singles == 2);
  CHECK(golden.at("cases").size() == 3);
}

TEST_CASE("adamw_lora_nlg: e2e-nlg's update with the schedule's rates", "[optim]") {
  // p0 = 1, lr 2e-4, wd 0.01, eps 1e-6, warm-up of 500 steps, at steps 0, 250 and 500 of it.
  solo::Parameter<double> p("ln_1.bias", {1});
  p.value().fill(1.0);
  solo::AdamW<double> optimizer(
      std::vector<solo::Parameter<double>*>{&p},
      {.variant = solo::AdamWVariant::lora_nlg, .epsilon = 1e-6, .weight_decay = 0.01});
  const std::array<std::array<double, 3>, 3> steps = {
      {{0.5, 0.0, 1.0000000000}, {-0.25, 0.5, 0.9999723678}, {1.0, 1.0, 0.9998387495}}};
  for (const auto& [gradient, factor, expected] : steps) {
    set(p, {gradient});
    optimizer.set_learning_rate(2e-4 * factor);
    optimizer.step();
    CHECK(std::abs(p.value().span()[0] - expected) < 1e-10);
  }
}

TEST_CASE("adamw_lora_nlg adds epsilon to the root as it is, and decays what it has moved",
          "[optim]") {
  solo::Parameter<double> p("w", {1});
  p.value().fill(1.0);
  solo::AdamW<double> optimizer(std::vector<solo::Parameter<double>*>{&p},
                                {.variant = solo::AdamWVariant::lora_nlg,
                                 .learning_rate = 0.5,
                                 .beta2 = 0.99,
                                 .epsilon = 0.3,
                                 .weight_decay = 0.2});
  set(p, {2.0});
  optimizer.step();  // m 0.2, v 0.04, lr √c2 / c1 = 0.5
  CHECK(p.value().span()[0] == Approx((1.0 - 0.5 * 0.2 / (0.2 + 0.3)) * 0.9).epsilon(1e-14));
}

TEST_CASE("names of AdamW's variants", "[optim]") {
  for (const auto variant : {solo::AdamWVariant::torch, solo::AdamWVariant::lora_nlg}) {
    CHECK(solo::adamw_variant_from_name(to_string(variant)) == variant);
  }
  try {
    static_cast<void>(solo::adamw_variant_from_name("sgd"));
    FAIL("accepted");
  } catch (const solo::ConfigError& error) {
    CHECK(error.id() == "config.value");
    CHECK(std::string(error.what()) == "optimizer: expected adamw or adamw_lora_nlg, found 'sgd'");
  }
}

TEST_CASE("AdamW's bits do not depend on the thread count", "[optim]") {
  const auto variant = GENERATE(solo::AdamWVariant::torch, solo::AdamWVariant::lora_nlg);
  const auto train = [variant](int threads) {
    auto p = std::make_unique<solo::Parameter<float>>("w", std::vector<Index>{100, 333});
    solo::AdamW<float> optimizer(std::vector<solo::Parameter<float>*>{p.get()},
                                 {.variant = variant,
                                  .weight_decay = 0.1,
                                  .pool = std::make_shared<solo::ThreadPool>(threads)});
    for (int step = 1; step <= 3; ++step) {
      for (std::size_t i = 0; i < p->grad().span().size(); ++i) {
        p->grad().span()[i] = std::sin(static_cast<float>(i) * static_cast<float>(step));
      }
      optimizer.step();
    }
    return p;
  };
  const auto one = train(1);
  const auto three = train(3);
  CHECK(std::memcmp(one->value().data(), three->value().data(),
                    sizeof(float) * static_cast<std::size_t>(one->size())) == 0);
}

TEST_CASE("AdamW leaves parameters alone that are frozen or have no gradient", "[optim]") {
  solo::Parameter<double> a("a", {2});
  solo::Parameter<double> b("b", {2});
  solo::Parameter<double> c("c", {2});
  for (solo::Parameter<double>* p : {&a, &b, &c}) p->value().fill(1.0);
  set(a, {1.0, -1.0});
  set(b, {1.0, -1.0});
  b.set_requires_grad(false);
  solo::AdamW<double> optimizer(std::vector<solo::Parameter<double>*>{&a, &b, &c},
                                {.learning_rate = 0.5, .weight_decay = 0.5});
  optimizer.step();
  CHECK(a.value().span()[0] == Approx(1.0 * (1 - 0.25) - 0.5).epsilon(1e-6));
  CHECK(b.value().span()[0] == 1.0);
  CHECK(c.value().span()[1] == 1.0);
  std::vector<std::pair<std::string, std::int64_t>> steps;
  optimizer.visit([&](const solo::AdamWState<double>& s) { steps.emplace_back(s.name, s.step); });
  CHECK(steps == std::vector<std::pair<std::string, std::int64_t>>{{"a", 1}, {"b", 0}, {"c", 0}});
  optimizer.zero_grad();
  CHECK(a.grad().span()[0] == 0.0);
  CHECK(a.has_grad());
}

TEST_CASE("an AdamW with the state of another goes on with the same bits", "[optim]") {
  const auto gradients = [](solo::Parameter<float>& p, int step) {
    set(p, {0.5 * step, -1.0 / step, 0.25});
  };
  solo::Parameter<float> straight("w", {3});
  solo::AdamW<float> whole(std::vector<solo::Parameter<float>*>{&straight}, {.weight_decay = 0.1});
  for (int step = 1; step <= 6; ++step) {
    gradients(straight, step);
    whole.step();
  }

  solo::Parameter<float> first("w", {3});
  solo::Parameter<float> second("w", {3});
  solo::AdamW<float> before(std::vector<solo::Parameter<float>*>{&first}, {.weight_decay = 0.1});
  for (int step = 1; step <= 2; ++step) {
    gradients(first, step);
    before.step();
  }
  second.value() = first.value().clone();
  solo::AdamW<float> after(std::vector<solo::Parameter<float>*>{&second}, {.weight_decay = 0.1});
  after.visit([&](const solo::AdamWState<float>& to) {
    before.visit([&](const solo::AdamWState<float>& from) {
      to.m = from.m.clone();
      to.v = from.v.clone();
      to.step = from.step;
    });
  });
  for (int step = 3; step <= 6; ++step) {
    gradients(second, step);
    after.step();
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(second.value().span()[i] == straight.value().span()[i]);
}

TEST_CASE("AdamW refuses a gradient that is not finite, before it changes anything", "[optim]") {
  solo::Parameter<float> a("h.0.lora_A.weight", {2});
  solo::Parameter<float> b("h.1.lora_B.weight", {2});
  set(a, {1.0, 2.0});
  set(b, {1.0, std::numeric_limits<double>::quiet_NaN()});
  solo::AdamW<float> optimizer(std::vector<solo::Parameter<float>*>{&a, &b});
  try {
    optimizer.step();
    FAIL("no error");
  } catch (const solo::NumericError& error) {
    CHECK(error.id() == "numeric.gradient");
    CHECK(std::string(error.what()) == "the gradient of 'h.1.lora_B.weight' is nan at element 1");
  }
  CHECK(a.value().span()[0] == 0.0F);
  optimizer.visit([](const solo::AdamWState<float>& s) {
    CHECK(s.step == 0);
    CHECK(s.m.span()[0] == 0.0F);
  });
}

TEST_CASE("AdamW's learning rate and multipliers", "[optim]") {
  solo::Parameter<double> a("a", {1});
  solo::Parameter<double> b("b", {1});
  solo::AdamW<double> optimizer(
      std::vector<solo::ParamGroup<double>>{{.parameters = {&a}},
                                            {.parameters = {&b}, .lr_multiplier = 10.0}},
      {.learning_rate = 1.0, .epsilon = 0.0});
  optimizer.set_learning_rate(0.125);
  CHECK(optimizer.learning_rate() == 0.125);
  set(a, {3.0});
  set(b, {-3.0});
  optimizer.step();
  CHECK(a.value().span()[0] == Approx(-0.125));
  CHECK(b.value().span()[0] == Approx(1.25));
}

TEST_CASE("AdamW refuses hyper-parameters out of their range and bad lists", "[optim]") {
  solo::Parameter<float> a("a", {1});
  const std::vector<solo::Parameter<float>*> list = {&a};
  const auto refused = [&](const solo::AdamWOptions& options, const std::string& message) {
    try {
      const solo::AdamW<float> optimizer(list, options);
      FAIL(message << " is accepted");
    } catch (const solo::ConfigError& error) {
      CHECK(error.id() == "config.range");
      CHECK(std::string(error.what()) == message);
    }
  };
  refused({.learning_rate = -1.0},
          "learning_rate: expected a finite number of at least 0, found -1");
  refused({.beta1 = 1.0}, "adam_beta1: expected 0 <= x < 1, found 1");
  refused({.beta2 = std::nan("")}, "adam_beta2: expected 0 <= x < 1, found nan");
  refused({.epsilon = -1e-8}, "adam_epsilon: expected a finite number of at least 0, found -1e-08");
  refused({.weight_decay = std::numeric_limits<double>::infinity()},
          "weight_decay: expected a finite number of at least 0, found inf");

  const auto id_of = [](const std::vector<solo::Parameter<float>*>& parameters) {
    try {
      const solo::AdamW<float> optimizer(parameters);
    } catch (const solo::ConfigError& error) {
      return std::string(error.id()) + ": " + error.what();
    }
    return std::string();
  };
  CHECK(id_of({&a, &a}) == "optim.parameters: 'a' is there twice");
  CHECK(id_of({&a, nullptr}) == "optim.parameters: parameter 1 is null");
  solo::Parameter<float> half("half", {1}, solo::PackOrder::plain);
  half.pack(true);
  CHECK(id_of({&half}).starts_with("parameter.bfloat16: half"));
  solo::AdamW<float> optimizer(list);
  CHECK_THROWS_AS(optimizer.set_learning_rate(-1.0), solo::ConfigError);
  CHECK(optimizer.learning_rate() == 1e-3);
}
