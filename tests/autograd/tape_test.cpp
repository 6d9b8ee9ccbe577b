// SPDX-License-Identifier: MIT
#include <solo/autograd/autograd.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cstdint>
#include <utility>
#include <vector>

using namespace solo;

namespace {

struct Net {
  Parameter<float> frozen{"frozen", {4, 4}};
  Parameter<float> trained{"trained", {4, 4}};
  Tensor<float> x{{3, 4}};

  Net() {
    for (Tensor<float>* t : {&frozen.value(), &trained.value(), &x}) {
      for (Index i = 0; i < t->size(); ++i) t->data()[i] = 0.1F * static_cast<float>(i % 7) - 0.2F;
    }
    frozen.set_requires_grad(false);
  }
  Var<float> loss(Tape<float>& t) {
    Var<float> h = t.copy(x.matrix());
    for (int i = 0; i < 3; ++i) {
      const Var<float> next = linear<float>(t, h, {.weight = &frozen});
      t.release(h);
      h = next;
    }
    h = linear<float>(t, h, {.weight = &trained});
    h = linear<float>(t, h, {.weight = &frozen});
    return weighted_sum<float>(t, h, x.matrix());
  }
};

}  // namespace

TEST_CASE("nothing is recorded below the lowest trainable tensor") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> loss = net.loss(t);
  CHECK(t.size() == 3);  // the trained linear, the one above it, the loss
  t.backward(loss);
  CHECK(t.size() == 0);
  CHECK(net.trained.has_grad());
  CHECK_FALSE(net.frozen.has_grad());
}

TEST_CASE("a pass without recording leaves no node and no gradient") {
  Net net;
  Tape<float> t;
  t.begin({.record = false});
  (void)net.loss(t);
  CHECK(t.size() == 0);
  CHECK_FALSE(net.trained.has_grad());
}

TEST_CASE("gradients accumulate over passes, and a warm tape takes no more memory") {
  Net net;
  Tape<float> t;
  t.begin({});
  t.backward(net.loss(t));
  const std::vector<float> once(net.trained.grad().span().begin(), net.trained.grad().span().end());
  t.begin({});
  t.backward(net.loss(t));
  const Index reserved = t.reserved();
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(net.trained.grad().data()[i] == solo::test::Approx(2.0F * once[i]).epsilon(1e-5));
  }
  for (int i = 0; i < 5; ++i) {
    t.begin({});
    t.backward(net.loss(t));
  }
  CHECK(t.reserved() == reserved);
}

TEST_CASE("a released value cannot be read, a kept one can") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> x = t.copy(net.x.matrix());
  (void)linear<float>(t, x, {.weight = &net.trained});  // keeps x for the weight's gradient
  t.release(x);
  CHECK(x.value().rows == 3);
  const Var<float> y = t.copy(net.x.matrix());
  t.release(y);
  test::check_throws<ConfigError>([&] { (void)y.value(); }, "tape.released", {"released"});
  test::check_throws<ConfigError>([] { (void)Var<float>().value(); }, "tape.released", {"empty"});
}

TEST_CASE("in-place addition refuses a value that a backward step needs") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> x = t.copy(net.x.matrix());
  const Var<float> y = linear<float>(t, x, {.weight = &net.trained});
  (void)tanh(t, y);
  CHECK_THROWS_AS(add_in_place(t, y, x), ConfigError);
}

TEST_CASE("backward takes a scalar only and always empties the tape") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> y = linear<float>(t, t.copy(net.x.matrix()), {.weight = &net.trained});
  CHECK(t.size() == 1);
  test::check_throws<ShapeError>([&] { t.backward(y); }, "tape.loss", {"(1, 1)"});
  CHECK(t.size() == 0);
}

TEST_CASE("dropout depends on seed, step and site alone, and is off outside training") {
  Tensor<float> ones({40, 50});
  ones.fill(1.0F);
  const auto run = [&](const Pass& pass, std::uint32_t site) {
    Tape<float> t;
    t.begin(pass);
    const MatrixView<float> y =
        dropout(t, t.copy(ones.matrix()), {.p = 0.25, .site = site}).value();
    return std::vector<float>(y.data, y.data + 2000);
  };
  const std::vector<float> base = run({.seed = 1, .step = 1}, 4);
  CHECK(base == run({.seed = 1, .step = 1}, 4));
  CHECK(base != run({.seed = 2, .step = 1}, 4));
  CHECK(base != run({.seed = 1, .step = 2}, 4));
  CHECK(base != run({.seed = 1, .step = 1}, 5));
  Index dropped = 0;
  for (const float x : base) {
    CHECK((x == 0.0F || x == 1.0F / 0.75F));
    dropped += x == 0.0F ? 1 : 0;
  }
  CHECK(dropped > 400);
  CHECK(dropped < 600);
  CHECK(run({.training = false, .seed = 1, .step = 1}, 4) == std::vector<float>(2000, 1.0F));
}

TEST_CASE("a bfloat16 parameter is read as an operand, never written") {
  Parameter<float> p("p", {2, 3}, PackOrder::plain);
  for (Index i = 0; i < 6; ++i) p.value().data()[i] = 1.0F + 0.001F * static_cast<float>(i);
  p.pack(true);
  CHECK(p.is_bfloat16());
  CHECK(p.operand().rows == 2);
  CHECK(p.operand().at(1, 2) == to_float(to_bfloat16(1.005F)));
  CHECK_THROWS_AS(p.value(), ConfigError);
  CHECK_THROWS_AS(std::as_const(p).value(), ConfigError);
  CHECK_THROWS_AS(p.store_packed(PackedMatrix<float>(5, 1, true)), ShapeError);
}

TEST_CASE("a packed parameter has the same elements, and is taken apart to be changed") {
  for (const PackOrder order : {PackOrder::plain, PackOrder::transposed}) {
    Parameter<float> p("p", {35, 41}, order);
    for (Index i = 0; i < p.size(); ++i) p.value().data()[i] = static_cast<float>(i);
    const Tensor<float> before = p.value().clone();
    const auto same = [&](const Tensor<float>& now) {
      return std::equal(now.span().begin(), now.span().end(), before.span().begin());
    };
    p.pack();
    CHECK(p.is_packed());
    CHECK(p.operand().rows == 35);
    CHECK(p.operand().at(34, 40) == before.data()[p.size() - 1]);
    CHECK(same(std::as_const(p).value()));
    CHECK(p.is_packed());
    CHECK(same(p.value()));
    CHECK(!p.is_packed());
    p.value().data()[7] = -1.0F;
    p.pack();
    CHECK(p.operand().at(0, 7) == -1.0F);
  }
  Parameter<float> vector("v", {3});
  vector.pack();
  CHECK(!vector.is_packed());
}

TEST_CASE("a value beyond bfloat16 is refused when a parameter is packed") {
  Parameter<float> p("p", {2, 3}, PackOrder::plain);
  p.value().data()[4] = -0x1.FFp127F;
  test::check_throws<NumericError>([&] { p.pack(true); }, "numeric.overflow",
                                   {"p", "bfloat16", "element 4"});
  CHECK(!p.is_packed());
  p.value().data()[4] = 0x1.FEFFFEp127F;
  p.pack(true);
  CHECK(is_finite(p.operand().at(1, 1)));
}

TEST_CASE("a released value with a recipe is computed again where a backward step reads it") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> x = linear<float>(t, t.copy(net.x.matrix()), {.weight = &net.trained});
  const Var<float> y = tanh(t, x);
  const std::vector<float> values(y.value().data, y.value().data + 12);
  t.keep_restorable(y);
  CHECK(t.is_kept(y));
  t.release(y);
  CHECK_THROWS_AS(y.value(), ConfigError);
  const MatrixView<float> again = t.restored(y);
  CHECK(std::vector<float>(again.data, again.data + 12) == values);

  const Var<float> z = tanh(t, x);
  t.keep_restorable(z);
  t.keep(z);  // another step reads it as it is
  t.release(z);
  CHECK(z.value().rows == 3);
  t.keep_restorable(x);  // a linear layer has no recipe
  t.release(x);
  CHECK(x.value().rows == 3);
}

TEST_CASE("a gradient moves only where there is none yet") {
  Net net;
  Tape<float> t;
  t.begin({});
  const Var<float> x = t.copy(net.x.matrix(), true);
  const Var<float> y = t.copy(net.x.matrix(), true);
  const Var<float> narrow = t.create(3, 2, true);
  const float* const memory = t.grad(y).data;
  CHECK_FALSE(t.move_grad(y, narrow));
  CHECK(t.move_grad(y, x));
  CHECK(t.grad(x).data == memory);
  CHECK_FALSE(t.has_grad(y));
  (void)t.grad(y);
  CHECK_FALSE(t.move_grad(y, x));
}

namespace {

/// The gradient of net.trained, and how many steps the tape had, with two checkpointed functions.
std::pair<std::vector<float>, Index> checkpointed(Net& net, bool checkpointing, bool nested) {
  Tape<float> t;
  t.begin({.seed = 4, .step = 2, .gradient_checkpointing = checkpointing});
  const Var<float> x = t.copy(net.x.matrix());
  const auto half = [&net](Tape<float>& tape, Var<float> in, std::uint32_t site) {
    Var<float> h = linear<float>(tape, in, {.weight = &net.trained});
    h = dropout(tape, tanh(tape, h), {.p = 0.3, .site = site});
    return linear<float>(tape, h, {.weight = &net.frozen});
  };
  Parameter<float>* const trained = &net.trained;
  const Var<float> first = t.checkpoint(x, [half, x, nested](Tape<float>& tape) {
    if (!nested) return half(tape, x, 1);
    return tape.checkpoint(x, [half, x](Tape<float>& inner) { return half(inner, x, 1); });
  });
  t.release(x);
  const Var<float> second =
      t.checkpoint(first, [half, first](Tape<float>& tape) { return half(tape, first, 2); });
  t.release(first);
  const Var<float> loss = weighted_sum<float>(t, second, net.x.matrix());
  const Index size = t.size();
  trained->zero_grad();
  t.backward(loss);
  CHECK(t.size() == 0);
  return {{trained->grad().span().begin(), trained->grad().span().end()}, size};
}

}  // namespace

TEST_CASE("a checkpoint runs again and gives the same bits, dropout included") {
  Net net;
  const auto [plain, size] = checkpointed(net, false, false);
  CHECK(size == 9);
  const auto [again, short_size] = checkpointed(net, true, false);
  CHECK(short_size == 3);
  CHECK(again == plain);
  CHECK(checkpointed(net, true, true).first == plain);
}

TEST_CASE("a checkpoint in which nothing trains records nothing") {
  Net net;
  Tape<float> t;
  t.begin({.gradient_checkpointing = true});
  const Var<float> x = t.copy(net.x.matrix());
  const Var<float> y = t.checkpoint(
      x, [&net, x](Tape<float>& tape) { return linear<float>(tape, x, {.weight = &net.frozen}); });
  CHECK_FALSE(y.requires_grad());
  CHECK(t.size() == 0);
  CHECK_FALSE(t.is_kept(x));
}

TEST_CASE("a tape recovers from an exception inside a checkpoint") {
  Net net;
  Tape<float> t;
  t.begin({.gradient_checkpointing = true});
  const Var<float> x = t.copy(net.x.matrix());
  CHECK_THROWS_AS(t.checkpoint(x,
                               [](Tape<float>& tape) -> Var<float> {
                                 (void)tape.create(4, 4, true);
                                 fail<ConfigError>("test.checkpoint", "no");
                               }),
                  ConfigError);
  t.begin({});
  t.backward(net.loss(t));
  CHECK(net.trained.has_grad());
}
