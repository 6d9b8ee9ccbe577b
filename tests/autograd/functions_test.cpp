// SPDX-License-Identifier: MIT
// Every differentiable operation against central differences in double, relative error <= 1e-6.
#include <solo/autograd/autograd.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <string>
#include <vector>

using namespace solo;

namespace {

constexpr double kTolerance = 1e-6;

/// Parameters with random values, and a random weighting that turns a result into a loss.
struct Fixture {
  std::deque<Parameter<double>> owned;
  std::vector<Parameter<double>*> all;
  std::uint64_t draws = 0;

  Parameter<double>& make(const std::string& name, std::vector<Index> shape) {
    owned.emplace_back(name, std::move(shape));
    for (double& x : owned.back().value().span()) x = next();
    all.push_back(&owned.back());
    return owned.back();
  }
  double next() { return Philox(7).normal(draws++); }

  /// A differentiable matrix: identity rows through a trainable weight.
  static Var<double> matrix(Tape<double>& tape, Parameter<double>& p) {
    const Index n = p.shape().front();
    Tensor<double> identity({n, n});
    for (Index i = 0; i < n; ++i) identity.matrix()(i, i) = 1.0;
    return linear<double>(tape, tape.copy(identity.matrix()), {.weight = &p});
  }
  static Var<double> reduce(Tape<double>& tape, Var<double> y) {
    Tensor<double> w({y.rows(), y.cols()});
    for (Index i = 0; i < w.size(); ++i) {
      w.data()[i] = Philox(11).normal(static_cast<std::uint64_t>(i));
    }
    return weighted_sum<double>(tape, y, w.matrix());
  }

  void check(const std::function<Var<double>(Tape<double>&)>& result,
             const GradientCheckOptions& options = {}) const {
    const auto loss = [&](Tape<double>& tape) { return reduce(tape, result(tape)); };
    for (const GradientCheck& c : check_gradients<double>(loss, all, options)) {
      INFO(c.name);
      CHECK(c.norm > 0.0);
      CHECK(c.relative_error <= kTolerance);
    }
  }
};

using Tape64 = Tape<double>;
using Var64 = Var<double>;

}  // namespace

TEST_CASE("gradients of linear in both layouts") {
  Fixture f;
  auto& x = f.make("x", {5, 7});
  auto& b = f.make("b", {3});
  SECTION("in, out") {
    auto& w = f.make("w", {7, 3});
    f.check([&](Tape64& t) {
      return linear<double>(t, Fixture::matrix(t, x), {.weight = &w, .bias = &b});
    });
  }
  SECTION("out, in") {
    auto& w = f.make("w", {3, 7});
    f.check([&](Tape64& t) {
      return linear<double>(t, Fixture::matrix(t, x),
                            {.weight = &w, .bias = &b, .layout = WeightLayout::out_in});
    });
  }
}

TEST_CASE("linear with a residual and gelu_new is that of separate steps") {
  Fixture f;
  auto& x = f.make("x", {5, 7});
  auto& w = f.make("w", {7, 3});
  auto& b = f.make("b", {3});
  auto& r = f.make("r", {5, 3});
  const auto fused = [&](Tape64& t) {
    Var64 active;
    const Var64 y = linear<double>(
        t, Fixture::matrix(t, x),
        {.weight = &w, .bias = &b, .residual = Fixture::matrix(t, r), .gelu_new = &active});
    return mul<double>(t, y, active);  // both results have readers
  };
  const auto separate = [&](Tape64& t) {
    const Var64 plain = linear<double>(t, Fixture::matrix(t, x), {.weight = &w, .bias = &b});
    const Var64 y = add<double>(t, plain, Fixture::matrix(t, r));
    return mul<double>(t, y, activation<double>(t, y, Activation::gelu_new));
  };
  f.check(fused);
  Tape64 one;
  Tape64 other;
  one.begin({.record = false});
  other.begin({.record = false});
  const MatrixView<double> a = fused(one).value();
  const MatrixView<double> c = separate(other).value();
  CHECK(std::equal(a.data, a.data + 15, c.data));
  CHECK_THROWS_AS(linear<double>(one, Fixture::matrix(one, x),
                                 {.weight = &w, .residual = Fixture::matrix(one, x)}),
                  ShapeError);
}

TEST_CASE("gradients of the norms") {
  Fixture f;
  auto& x = f.make("x", {4, 9});
  SECTION("layer norm with weight and bias") {
    auto& w = f.make("w", {9});
    auto& b = f.make("b", {9});
    f.check([&](Tape64& t) {
      return norm<double>(t, Fixture::matrix(t, x), {.weight = &w, .bias = &b, .eps = 1e-3});
    });
  }
  SECTION("plain layer norm") {
    f.check([&](Tape64& t) { return norm<double>(t, Fixture::matrix(t, x), {}); });
  }
  SECTION("RMS norm") {
    f.check([&](Tape64& t) { return norm<double>(t, Fixture::matrix(t, x), {.centered = false}); });
  }
}

TEST_CASE("gradients of the activations") {
  for (const Activation a :
       {Activation::identity, Activation::gelu_new, Activation::gelu, Activation::relu,
        Activation::silu, Activation::tanh, Activation::sigmoid}) {
    INFO(to_string(a));
    Fixture f;
    auto& x = f.make("x", {4, 9});
    f.check([&](Tape64& t) { return activation(t, Fixture::matrix(t, x), a); });
  }
}

TEST_CASE("gradients of attention over ragged segments, parents and dropout") {
  Fixture f;
  auto& x = f.make("qkv", {9, 18});  // 9 rows, C = 6
  double p = 0.0;
  std::vector<Segment> segments = {{.begin = 0, .length = 4},
                                   {.begin = 4, .length = 1, .position = 4, .parent = 0},
                                   {.begin = 5, .length = 3, .position = 4, .parent = 0},
                                   {.begin = 8, .length = 1}};
  SECTION("with parents") {}
  SECTION("with dropout") {
    p = 0.4;
  }
  for (const Index heads : {1, 2, 3, 6}) {
    f.check([&](Tape64& t) {
      return attention<double>(
          t, Fixture::matrix(t, x),
          {.segments = segments, .heads = heads, .scale = 0.7, .dropout = p, .site = 3});
    });
  }
}

TEST_CASE("gradients of embedding and rows") {
  Fixture f;
  auto& wte = f.make("wte", {6, 4});
  auto& wpe = f.make("wpe", {3, 4});
  const std::vector<int> ids = {5, 0, 5, 2};
  const std::vector<Index> positions = {0, 1, 2, 0};
  const std::vector<Index> taken = {3, 0, 2, 2, 1};
  const auto result = [&](Tape64& t) {
    return rows<double>(
        t, embedding<double>(t, {.ids = ids, .positions = positions, .wte = &wte, .wpe = &wpe}),
        taken);
  };
  f.check(result);
}

TEST_CASE("gradients of looked-up columns") {
  Fixture f;
  auto& a = f.make("a", {3, 6});
  const std::vector<int> ids = {5, 0, 5, 2};
  f.check([&](Tape64& t) { return columns(t, a, ids); });
  Tape64 t;
  t.begin({.record = false});
  const MatrixView<double> found = columns(t, a, ids).value();
  CHECK(found(3, 1) == a.value().matrix()(1, 2));
  const std::vector<int> far = {0, 6};
  CHECK_THROWS_WITH(columns(t, a, far), Catch::Contains("token id 6 at row 1"));
}

TEST_CASE("gradients of sums, products, scaling and dropout") {
  Fixture f;
  auto& x = f.make("x", {4, 5});
  auto& y = f.make("y", {4, 5});
  auto& a = f.make("a", {5});
  auto& w = f.make("w", {5, 5});
  f.check(
      [&](Tape64& t) {
        const Var64 u = Fixture::matrix(t, x);
        const Var64 v = Fixture::matrix(t, y);
        const Var64 product = mul(t, mul(t, u, v), a);
        const Var64 dropped = dropout(t, scale(t, u, -1.7), {.p = 0.3, .site = 9});
        const Var64 sum = add(t, add(t, product, dropped), add(t, u, v));
        const Var64 last = linear<double>(t, sum, {.weight = &w});
        add_in_place(t, last, sum);
        return last;
      },
      {.pass = {.seed = 5, .step = 2}});
}

TEST_CASE("gradients of the fused head and loss") {
  Fixture f;
  auto& h = f.make("h", {6, 4});
  auto& head = f.make("head", {11, 4});
  const std::vector<int> targets = {1, 10, 0, 3, 3, 7};
  for (const bool head_trains : {true, false}) {
    for (const double smoothing : {0.0, 0.1}) {
      head.set_requires_grad(head_trains);
      std::vector<Parameter<double>*> parameters = {&h};
      if (head_trains) parameters.push_back(&head);
      // scaled, so that a wrong use of the upstream gradient shows
      const auto loss = [&](Tape64& t) {
        return scale(t,
                     lm_loss<double>(t, Fixture::matrix(t, h),
                                     {.head = {.weight = &head},
                                      .targets = targets,
                                      .label_smoothing = smoothing,
                                      .normalizer = 4}),
                     2.5);
      };
      for (const GradientCheck& c : check_gradients<double>(loss, parameters)) {
        INFO(c.name << ", smoothing " << smoothing << ", head trains " << head_trains);
        CHECK(c.norm > 0.0);
        CHECK(c.relative_error <= kTolerance);
      }
    }
  }
}

TEST_CASE("gradients of a head with replaced rows and a low-rank change") {
  Fixture f;
  auto& h = f.make("h", {6, 4});
  auto& head = f.make("head", {11, 4});
  auto& values = f.make("values", {2, 4});
  auto& x = f.make("x", {6, 3});
  auto& factor = f.make("factor", {11, 3});
  const TableRows<double> rows(&values, {7, 2}, 11);
  const std::vector<int> targets = {1, 10, 0, 3, 7, 7};
  const auto loss = [&](Tape64& t) {
    const LmHead<double> all{
        .weight = &head, .rows = &rows, .low_rank = Fixture::matrix(t, x), .factor = &factor};
    return scale(
        t,
        lm_loss<double>(t, Fixture::matrix(t, h),
                        {.head = all, .targets = targets, .label_smoothing = 0.1, .normalizer = 4}),
        2.5);
  };
  for (const bool head_trains : {true, false}) {
    head.set_requires_grad(head_trains);
    std::vector<Parameter<double>*> parameters = {&h, &values, &x, &factor};
    if (head_trains) parameters.push_back(&head);
    for (const GradientCheck& c : check_gradients<double>(loss, parameters)) {
      INFO(c.name << ", head trains " << head_trains);
      CHECK(c.norm > 0.0);
      CHECK(c.relative_error <= kTolerance);
    }
  }
  // One that trains alone: nothing else gets a gradient.
  for (Parameter<double>* p : f.all) {
    p->set_requires_grad(p == &factor);
    p->drop_grad();
  }
  for (const GradientCheck& c :
       check_gradients<double>(loss, std::vector<Parameter<double>*>{&factor})) {
    CHECK(c.relative_error <= kTolerance);
  }
  for (const Parameter<double>* p : f.all) CHECK(p->has_grad() == (p == &factor));

  Tape64 t;
  t.begin({.record = false});
  const LmHead<double> narrow{
      .weight = &head, .low_rank = Fixture::matrix(t, x), .factor = &values};
  CHECK_THROWS_WITH(lm_loss<double>(t, Fixture::matrix(t, h), {.head = narrow, .targets = targets}),
                    Catch::Contains("low rank of shape (6, 3) for 6 rows, values of shape (2, 4)"));
}

TEST_CASE("operations refuse shapes that do not fit, naming them") {
  Tape<float> t;
  t.begin({});
  Parameter<float> w("w", {3, 2});
  Parameter<float> b("b", {5});
  const Var<float> x = t.copy(Tensor<float>({2, 4}).matrix());
  const auto message = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const ShapeError& e) {
      return e.what();
    }
    return "no ShapeError";
  };
  CHECK(message([&] { (void)linear<float>(t, x, {.weight = &w}); }) ==
        "linear: w has shape (3, 2), its input has 4 columns");
  CHECK(message([&] { (void)mul(t, x, b); }) == "mul: b has shape (5,), expected 4 elements");
  CHECK(message([&] {
          (void)add(t, x, t.copy(Tensor<float>({2, 3}).matrix()));
        }) == "add: shapes (2, 4) and (2, 3) differ");
  const std::vector<int> ids = {0, 3};
  const std::vector<Index> positions = {0, 1};
  Parameter<float> wte("wte", {3, 2});
  Parameter<float> wpe("wpe", {2, 2});
  CHECK(message([&] {
          (void)embedding<float>(t, {.ids = ids, .positions = positions, .wte = &wte, .wpe = &wpe});
        }) == "token id 3 at row 1 is not below the vocabulary size 3");
  const std::vector<int> good = {0, 2};
  const std::vector<Index> far = {0, 2};
  CHECK(message([&] {
          (void)embedding<float>(t, {.ids = good, .positions = far, .wte = &wte, .wpe = &wpe});
        }) == "position 2 at row 1 is not below n_positions 2");
  Parameter<float> wide("wide", {2, 4});
  CHECK(message([&] {
          (void)embedding<float>(t,
                                 {.ids = good, .positions = positions, .wte = &wte, .wpe = &wide});
        }) == "embedding: 2 ids, 2 positions; tables of width 2 and 4");
  CHECK(message([&] { (void)attention<float>(t, x, {.heads = 1}); }) ==
        "attention: 4 columns do not split into 3 x 1 heads");
  CHECK(message([&] { (void)rows<float>(t, x, far); }) == "rows: index 2 of a matrix of 2 rows");
  const Tensor<float> narrow({2, 3});
  CHECK(message([&] { (void)weighted_sum<float>(t, x, narrow.matrix()); }) ==
        "weighted_sum: 2 x 4 values, 2 x 3 weights");
  CHECK(message([&] { (void)lm_loss<float>(t, x, {.head = {.weight = &wte}, .targets = good}); }) ==
        "lm_loss: 2 rows of width 4, head of width 2, 2 targets");
}
