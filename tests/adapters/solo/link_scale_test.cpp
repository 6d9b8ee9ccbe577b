// SPDX-License-Identifier: MIT
#include <solo/adapters/solo/link_scale.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/autograd/gradcheck.hpp>

#include "adapters/tiny_model.hpp"
#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cmath>

using namespace solo;
using namespace solo::test;

namespace {

/// A weighted sum of the operation's output: a loss to differentiate.
struct LinkScaleProblem {
  Parameter<double> z{"z", {4, 3}};
  Parameter<double> v{"v", {3}};
  Parameter<double> gate{"gate", {1}};
  Tensor<double> weights{{4, 3}};

  explicit LinkScaleProblem(double g) {
    disturb<double>({&z, &v}, 1.0, 7);
    for (Index i = 0; i < 12; ++i) weights.data()[i] = std::sin(1.0 + static_cast<double>(i));
    *gate.value().data() = g;
  }
  Var<double> loss(Tape<double>& tape, SoloGate kind, bool with_v = true) {
    // z enters through a product with the identity, so that it is a parameter of the loss.
    const Var<double> x = tape.copy(identity().matrix());
    const Var<double> input = linear<double>(tape, x, {.weight = &z});
    const Var<double> y = link_scale<double>(tape, input,
                                             {.v = with_v ? &v : nullptr,
                                              .gate = kind == SoloGate::none ? nullptr : &gate,
                                              .kind = kind,
                                              .factor = 0.8});
    return weighted_sum<double>(tape, y, weights.matrix());
  }
  double gate_gradient(SoloGate kind) {
    gate.zero_grad();
    Tape<double> tape;
    tape.begin({});
    tape.backward(loss(tape, kind));
    return *gate.grad().data();
  }

 private:
  static Tensor<double> identity() {
    Tensor<double> result({4, 4});
    for (Index i = 0; i < 4; ++i) result.data()[i * 5] = 1.0;
    return result;
  }
};

}  // namespace

TEST_CASE("Gate values and slopes", "[solo]") {
  CHECK(gate_value(SoloGate::linear, -2.5).value == -2.5);
  CHECK(gate_value(SoloGate::linear, -2.5).slope == 1.0);
  CHECK(gate_value(SoloGate::clamp, 0.25).value == 0.25);
  CHECK(gate_value(SoloGate::clamp, -0.25).value == 0.0);
  CHECK(gate_value(SoloGate::clamp, 7.0).value == 1.0);
  CHECK(gate_value(SoloGate::sigmoid, 0.0).value == 0.5);
  CHECK(gate_value(SoloGate::sigmoid, 0.0).slope == 0.25);
  CHECK(gate_value(SoloGate::tanh, 0.5).value == std::tanh(0.5));
  CHECK(gate_value(SoloGate::none, 0.3).value == 1.0);
  CHECK(gate_value(SoloGate::none, 0.3).slope == 0.0);
}

TEST_CASE("The clamp gate passes its gradient on the boundary and not beyond", "[solo]") {
  for (const double g : {0.0, 0.5, 1.0}) {
    CAPTURE(g);
    const double expected = LinkScaleProblem(g).gate_gradient(SoloGate::linear);
    CHECK(expected != 0.0);
    CHECK(LinkScaleProblem(g).gate_gradient(SoloGate::clamp) == expected);
  }
  for (const double g : {-1e-9, 1.0 + 1e-9, -3.0, 3.0}) {
    CAPTURE(g);
    CHECK(LinkScaleProblem(g).gate_gradient(SoloGate::clamp) == 0.0);
  }
}

TEST_CASE("link_scale's gradients are those of central differences", "[solo]") {
  for (const double g : {0.0, 0.4, 1.0, -1.3}) {
    for (const SoloGate kind :
         {SoloGate::linear, SoloGate::sigmoid, SoloGate::tanh, SoloGate::none}) {
      for (const bool with_v : {true, false}) {
        CAPTURE(g, to_string(kind), with_v);
        LinkScaleProblem problem(g);
        std::vector<Parameter<double>*> all = {&problem.z};
        if (with_v) all.push_back(&problem.v);
        if (kind != SoloGate::none) all.push_back(&problem.gate);
        for (const GradientCheck& check : check_gradients<double>(
                 [&](Tape<double>& tape) { return problem.loss(tape, kind, with_v); }, all)) {
          CAPTURE(check.name);
          CHECK(check.relative_error <= 1e-8);
          const bool silent = gate_value(kind, g).value == 0.0 && check.name != "gate";
          CHECK((check.norm > 1e-3) != silent);
        }
      }
    }
  }
}

TEST_CASE("link_scale records nothing when nothing trains", "[solo]") {
  LinkScaleProblem problem(0.5);
  for (Parameter<double>* p : {&problem.z, &problem.v, &problem.gate}) p->set_requires_grad(false);
  Tape<double> tape;
  tape.begin({});
  (void)problem.loss(tape, SoloGate::linear);
  CHECK(tape.size() == 0);
}

TEST_CASE("link_scale refuses vectors of another size", "[solo]") {
  Tape<double> tape;
  tape.begin({});
  Parameter<double> v{"links.0-1.v", {4}};
  const Var<double> z = tape.create(2, 3, false);
  check_throws<ShapeError>([&] { return link_scale<double>(tape, z, {.v = &v}); }, "shape.mismatch",
                           {"links.0-1.v", "(4,)", "3"});
}
