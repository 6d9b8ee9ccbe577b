// SPDX-License-Identifier: MIT
// Matrices and losses that are none.
#include <solo/autograd/autograd.hpp>

#include "support/bad_input.hpp"

#include <limits>
#include <vector>

using namespace solo;
using test::check_throws;

TEST_CASE("a view that is read has memory, and rows apart", "[autograd]") {
  Tape<float> tape;
  tape.begin({});
  std::vector<float> memory(6, 1.0F);
  const Var<float> x = tape.copy({memory.data(), 2, 2});
  using View = ConstMatrixView<float>;
  for (const View& bad : {View(nullptr, 2, 2), View(memory.data(), 2, 2, -1),
                          View(memory.data(), 2, 2, 0), View(memory.data(), 2, 2, 1)}) {
    check_throws<ShapeError>([&] { return tape.copy(bad); }, "shape.view", {"copy"});
    check_throws<ShapeError>([&] { return weighted_sum(tape, x, bad); }, "shape.view",
                             {"weighted_sum"});
  }
  CHECK(tape.copy(View(memory.data(), 1, 2, 0)).cols() == 2);  // one row has no distance
  CHECK(tape.copy(View(nullptr, 0, 2)).rows() == 0);
  CHECK(tape.copy(View(memory.data(), 2, 2, 4)).value()(1, 1) == 1.0F);
}

TEST_CASE("a loss is a single number of this pass of this tape", "[autograd]") {
  Parameter<float> a("a", {2});
  a.value().fill(3.0F);
  const std::vector<float> ones(4, 1.0F);
  const auto loss_on = [&](Tape<float>& tape) {
    tape.begin({});
    const ConstMatrixView<float> view(ones.data(), 2, 2);
    return weighted_sum(tape, mul(tape, tape.copy(view), a), view);
  };
  const auto refused = [&](Tape<float>& tape, Var<float> loss) {
    check_throws<ConfigError>(
        [&] {
          tape.backward(loss);
          return 0;
        },
        "tape.other", {"backward"});
    CHECK_FALSE(a.has_grad());
  };
  Tape<float> tape;
  Tape<float> other;
  const Var<float> loss = loss_on(tape);
  CHECK(loss.item() == 12.0F);
  static_cast<void>(loss_on(other));
  refused(other, loss);
  CHECK(other.size() == 0);
  tape.clear();
  refused(tape, loss);
  tape.backward(loss_on(tape));
  CHECK(a.grad().span()[0] == 2.0F);

  for (const Index rows : {Index{0}, Index{2}}) {
    check_throws<ShapeError>([&] { return tape.create(rows, rows, false).item(); },
                             "shape.mismatch", {"1 x 1"});
  }
  check_throws<ConfigError>([] { return Var<float>().item(); }, "tape.released", {});
}

TEST_CASE("numbers of operations are in their ranges", "[autograd]") {
  Tape<float> tape;
  tape.begin({});
  const std::vector<float> ones(4, 1.0F);
  const Var<float> x = tape.copy({ones.data(), 2, 2});
  for (const double eps :
       {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    check_throws<ConfigError>([&] { return norm<float>(tape, x, {.eps = eps}); }, "config.range",
                              {"eps"});
  }
  check_throws<ConfigError>([&] { return activation(tape, x, static_cast<Activation>(77)); },
                            "config.value", {"activation", "77"});
}

TEST_CASE("a gradient put in place has the parameter's shape", "[autograd]") {
  Parameter<float> a("a", {2, 3});
  a.grad() = Tensor<float>({3, 2});
  check_throws<ShapeError>([&] { return a.grad().size(); }, "shape.mismatch",
                           {"the gradient of a", "(2, 3)", "(3, 2)"});
  a.drop_grad();
  CHECK(a.grad().size() == 6);
}

TEST_CASE("a value put in place has the parameter's shape", "[autograd]") {
  Tape<float> tape;
  tape.begin({});
  const std::vector<float> ones(4, 1.0F);
  const Var<float> x = tape.copy({ones.data(), 2, 2});
  Parameter<float> a("a", {2});
  for (const std::vector<Index>& shape : {std::vector<Index>{1}, {0}, {3}}) {
    a.value() = Tensor<float>(shape);
    check_throws<ShapeError>([&] { return mul(tape, x, a); }, "shape.mismatch", {"value of a"});
    check_throws<ShapeError>([&] { return norm<float>(tape, x, {.weight = &a}); }, "shape.mismatch",
                             {"value of a"});
  }
  a.value() = Tensor<float>({2});
  CHECK(mul(tape, x, a).cols() == 2);
}
