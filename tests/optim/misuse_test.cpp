// SPDX-License-Identifier: MIT
// What an optimizer cannot do is an error that leaves parameters and moments as they were.
#include <solo/optim/adamw.hpp>
#include <solo/optim/clip.hpp>

#include "support/bad_input.hpp"

#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace solo;
using test::check_throws;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Setup {
  Parameter<float> p{"p", {30, 20}};
  Parameter<float> q{"q", {7}};
  Setup() {
    for (Parameter<float>* each : {&p, &q}) {
      each->value().fill(0.5F);
      each->grad().fill(0.25F);
    }
  }
  std::vector<Parameter<float>*> all() { return {&p, &q}; }
};

/// step() throws, and nothing has changed.
template <class E>
void refuses_step(const AdamWOptions& options, const AdamWStepOptions& step, std::string_view id,
                  const std::vector<std::string>& parts) {
  Setup setup;
  AdamW<float> optimizer(setup.all(), options);
  check_throws<E>(
      [&] {
        optimizer.step(step);
        return 0;
      },
      id, parts);
  for (Parameter<float>* each : setup.all()) {
    for (const float x : each->value().span()) REQUIRE(x == 0.5F);
  }
  optimizer.visit([](const AdamWState<float>& state) {
    CHECK(state.step == 0);
    for (const float x : state.m.span()) REQUIRE(x == 0.0F);
  });
}

}  // namespace

TEST_CASE("a step's scale is a number above 0", "[optim]") {
  for (const double scale :
       {0.0, -1.0, kInfinity, -kInfinity, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    for (const bool check : {true, false}) {
      refuses_step<ConfigError>({}, {.gradient_scale = scale, .check_finite = check},
                                "config.range", {"gradient_scale"});
    }
  }
  refuses_step<NumericError>({}, {.gradient_scale = 1e25}, "numeric.gradient", {"float32"});
}

TEST_CASE("an update that would make a parameter infinite is not made", "[optim]") {
  for (const auto variant : {AdamWVariant::torch, AdamWVariant::lora_nlg}) {
    refuses_step<NumericError>({.variant = variant, .learning_rate = 1e308}, {},
                               "numeric.parameter", {"'p'", "inf", "1e+308"});
    refuses_step<NumericError>({.variant = variant, .learning_rate = 2.0, .weight_decay = 1e308},
                               {}, "numeric.parameter", {"weight decay"});
  }
  Setup setup;
  setup.p.grad().fill(0.0F);
  AdamW<float> no_epsilon(setup.all(), {.epsilon = 0.0});
  check_throws<NumericError>(
      [&] {
        no_epsilon.step();
        return 0;
      },
      "numeric.parameter", {"'p'", "nan", "epsilon 0"});
  CHECK(setup.q.value().span()[0] == 0.5F);
  AdamW<float> large(setup.all(), {.learning_rate = 1e3});
  large.step();  // large, and finite
  CHECK(setup.q.value().span()[0] < -900.0F);
}

TEST_CASE("gradients and moments have their parameter's shape", "[optim]") {
  Setup setup;
  AdamW<float> optimizer(setup.all());
  const auto refused = [&](const std::string& named) {
    check_throws<ShapeError>(
        [&] {
          optimizer.step({.check_finite = false});
          return 0;
        },
        "shape.mismatch", {named, "(30, 20)"});
    CHECK(setup.q.value().span()[0] == 0.5F);
  };
  for (const std::vector<Index>& shape : {std::vector<Index>{1}, {20, 30}, {3000, 20}}) {
    setup.p.grad() = Tensor<float>(shape);
    refused("the gradient of p");
    check_throws<ShapeError>([&] { return gradient_norm(setup.all()); }, "shape.mismatch",
                             {"the gradient of p"});
    setup.p.drop_grad();
    setup.p.grad().fill(0.25F);
  }
  const auto each = [&](auto&& change) {
    optimizer.visit([&](AdamWState<float> state) {
      if (state.name == "p") change(state);
    });
  };
  each([](AdamWState<float>& s) { s.m = Tensor<float>({1}); });
  refused("the moment m of p");
  each([](AdamWState<float>& s) {
    s.m = Tensor<float>({30, 20});
    s.v = Tensor<float>({20, 30});
  });
  refused("the moment v of p");
  each([](AdamWState<float>& s) {
    s.v = Tensor<float>({30, 20});
    s.step = -5;
  });
  check_throws<ConfigError>(
      [&] {
        optimizer.step();
        return 0;
      },
      "config.range", {"updates of p", "-5"});
  each([](AdamWState<float>& s) { s.step = 0; });
  setup.p.value() = Tensor<float>({31, 20});
  refused("the value of p");
  setup.p.value() = Tensor<float>({30, 20});
  optimizer.step();
  CHECK(setup.q.value().span()[0] != 0.5F);
}

TEST_CASE("an optimizer notices that a parameter is gone", "[optim]") {
  Parameter<float> stays("stays", {2});
  auto gone = std::make_unique<Parameter<float>>("gone", std::vector<Index>{2});
  AdamW<float> optimizer(std::vector<Parameter<float>*>{&stays, gone.get()});
  stays.grad().fill(1.0F);
  gone->grad().fill(1.0F);
  optimizer.step();
  const float before = stays.value().span()[0];
  const Parameter<float> elsewhere = std::move(*gone);  // another object
  gone.reset();
  check_throws<ConfigError>(
      [&] {
        optimizer.step();
        return 0;
      },
      "optim.parameters", {"parameter 1", "no longer exists"});
  check_throws<ConfigError>(
      [&] {
        optimizer.visit([](const AdamWState<float>&) {});
        return 0;
      },
      "optim.parameters", {"parameter 1"});
  optimizer.zero_grad();
  CHECK(stays.grad().span()[0] == 0.0F);
  CHECK(stays.value().span()[0] == before);
}

TEST_CASE("an optimizer's variant is one that there is", "[optim]") {
  Setup setup;
  check_throws<ConfigError>(
      [&] { return AdamW<float>(setup.all(), {.variant = static_cast<AdamWVariant>(77)}); },
      "config.value", {"optimizer", "77"});
}
