// SPDX-License-Identifier: MIT
// LoRA's and DoRA's fused updates against plain loops and central differences.

#include <solo/adapters/lora/dora_update.hpp>
#include <solo/adapters/lora/low_rank_update.hpp>
#include <solo/autograd/functions.hpp>
#include <solo/autograd/gradcheck.hpp>
#include <solo/core/rng.hpp>

#include "support/bad_input.hpp"
#include "support/catch.hpp"

#include <cmath>
#include <string>
#include <vector>

using namespace solo;
using namespace solo::test;

namespace {

void fill(Parameter<double>& p, std::uint64_t seed) {
  const Philox random(seed);
  for (Index i = 0; i < p.size(); ++i) {
    p.value().data()[i] = 0.5 * random.normal(static_cast<std::uint64_t>(i));
  }
}

/// A linear layer with an update; x is mul(ones, p) so that its gradient can be seen.
struct Fixture {
  Index rows = 5;
  Index in = 4;
  Index out = 6;
  Parameter<double> x;
  Parameter<double> weight;
  Parameter<double> bias;
  Parameter<double> a;
  Parameter<double> b;
  Parameter<double> b_bias;
  Parameter<double> magnitude;
  Parameter<double> readout;
  LowRankArgs<double> args;

  explicit Fixture(Index rank = 3, Index parts = 1)
      : x("x", {rows, in}),
        weight("weight", {in, out}, PackOrder::plain),
        bias("bias", {out}),
        a("a", {rank * parts, in}),
        b("b", {parts == 1 ? out : parts * out / 3, rank}),
        b_bias("b_bias", {out}),
        magnitude("magnitude", {out}),
        readout("readout", {rows, out}) {
    std::uint64_t seed = 1;
    for (Parameter<double>* p : {&x, &weight, &bias, &a, &b, &b_bias, &magnitude, &readout}) {
      fill(*p, seed++);
    }
    weight.set_requires_grad(false);
    args.a = &a;
    args.b = &b;
    args.scale = 0.7;
    args.site = 9;
    args.part_count = static_cast<int>(parts);
    args.parts[0] = {0, out};
    if (parts == 2) args.parts = {LowRankPart{0, out / 3}, LowRankPart{2 * out / 3, out / 3}};
  }

  /// x as a variable: rows of a table, so that its gradient arrives in a parameter.
  [[nodiscard]] Var<double> input(Tape<double>& tape) {
    Parameter<double>& table = x;
    const bool needed = tape.needs(table.requires_grad());
    const Var<double> result = tape.copy(std::as_const(table).value().matrix(), needed);
    if (needed) {
      tape.record(result, [result, &table](Tape<double>& t) {
        const MatrixView<double> gradient = t.grad(result);
        for (Index i = 0; i < table.size(); ++i) table.grad().data()[i] += gradient.data[i];
      });
    }
    return result;
  }
  [[nodiscard]] Var<double> loss(Tape<double>& tape, Var<double> y) {
    return weighted_sum<double>(tape, tanh(tape, y), std::as_const(readout).value().matrix());
  }
  [[nodiscard]] double w(Index i, Index j) const { return weight.value().matrix()(i, j); }
  /// s · (BA)ᵀ of part 0 alone.
  [[nodiscard]] double delta(Index i, Index j) const {
    double sum = 0.0;
    for (Index k = 0; k < b.shape()[1]; ++k) {
      sum += a.value().matrix()(k, i) * b.value().matrix()(j, k);
    }
    return args.scale * sum;
  }
};

std::vector<GradientCheck> check(Fixture& f, const std::vector<Parameter<double>*>& parameters,
                                 const std::function<Var<double>(Tape<double>&)>& loss) {
  static_cast<void>(f);
  return check_gradients<double>(loss, parameters, {.pass = {.seed = 4, .step = 2}});
}

}  // namespace

TEST_CASE("The update is s (x Aᵀ) Bᵀ on its columns", "[lora]") {
  for (const Index parts : {1, 2}) {
    Fixture f(3, parts);
    f.args.bias = &f.b_bias;
    Tape<double> tape;
    tape.begin({.record = false, .training = false});
    const Var<double> x = f.input(tape);
    const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
    const Var<double> before = tape.copy(y.value());
    low_rank_update<double>(tape, x, y, f.args);
    for (Index i = 0; i < f.rows; ++i) {
      for (Index j = 0; j < f.out; ++j) {
        double want = before.value()(i, j) + 0.7 * f.b_bias.value().data()[j];
        const Index width = parts == 1 ? f.out : f.out / 3;
        const Index block = j / width;
        const bool inside = parts == 1 || block != 1;
        const Index part = block == 0 ? 0 : 1;
        for (Index k = 0; inside && k < 3; ++k) {
          double p = 0.0;
          for (Index l = 0; l < f.in; ++l) {
            p += x.value()(i, l) * f.a.value().matrix()(part * 3 + k, l);
          }
          want += 0.7 * p * f.b.value().matrix()(part * width + j % width, k);
        }
        CHECK(y.value()(i, j) == Approx(want).epsilon(1e-13));
      }
    }
  }
}

TEST_CASE("Every gradient of the update is that of central differences", "[lora]") {
  for (const double dropout : {0.0, 0.4}) {
    for (const Index parts : {1, 2}) {
      for (const bool with_bias : {false, true}) {
        Fixture f(3, parts);
        f.args.dropout = dropout;
        if (with_bias) f.args.bias = &f.b_bias;
        std::vector<Parameter<double>*> all = {&f.x, &f.bias, &f.a, &f.b};
        if (with_bias) all.push_back(&f.b_bias);
        for (const GradientCheck& c : check(f, all, [&f](Tape<double>& tape) {
               const Var<double> x = f.input(tape);
               const Var<double> y =
                   linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
               low_rank_update<double>(tape, x, y, f.args);
               return f.loss(tape, y);
             })) {
          CAPTURE(dropout, parts, with_bias, c.name);
          CHECK(c.norm > 1e-3);
          CHECK(c.relative_error <= 1e-8);
        }
      }
    }
  }
}

TEST_CASE("A constant input costs no gradient, and nothing is recorded without need", "[lora]") {
  Fixture f;
  f.x.set_requires_grad(false);
  f.bias.set_requires_grad(false);
  const auto run = [&f](Tape<double>& tape) {
    const Var<double> x = f.input(tape);
    const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
    low_rank_update<double>(tape, x, y, f.args);
    return std::pair{x, y};
  };
  Tape<double> tape;
  tape.begin({});
  const auto [x, y] = run(tape);
  CHECK(tape.size() == 1);
  CHECK(y.requires_grad());
  CHECK(!x.requires_grad());
  tape.backward(f.loss(tape, y));
  CHECK(f.a.has_grad());
  CHECK(!f.x.has_grad());
  CHECK(!f.weight.has_grad());

  // With A frozen the input is not kept.
  f.a.set_requires_grad(false);
  f.a.drop_grad();
  tape.begin({});
  const auto [frozen_x, frozen_y] = run(tape);
  CHECK(!tape.is_kept(frozen_x));
  tape.release(frozen_x);
  tape.backward(f.loss(tape, frozen_y));
  CHECK(!f.a.has_grad());
  CHECK(f.b.has_grad());

  f.b.set_requires_grad(false);
  tape.begin({});
  CHECK(!run(tape).second.requires_grad());
  CHECK(tape.size() == 0);
}

TEST_CASE("The parts of a layer share one dropout mask", "[lora]") {
  Fixture f(3, 2);
  f.args.dropout = 0.5;
  // Two parts alike: with one mask they change their columns alike.
  const auto repeat = [](Parameter<double>& p) {
    const auto half = p.value().span().size() / 2;
    for (std::size_t i = 0; i < half; ++i) p.value().span()[half + i] = p.value().span()[i];
  };
  repeat(f.a);
  repeat(f.b);
  const auto update = [&f](bool training) {
    Tape<double> tape;
    tape.begin({.training = training, .seed = 1, .step = 2});
    const Var<double> x = f.input(tape);
    const Tensor<double> zeros({f.rows, f.out});
    const Var<double> y = tape.copy(zeros.matrix());
    low_rank_update<double>(tape, x, y, f.args);
    return std::vector<double>(y.value().data, y.value().data + f.rows * f.out);
  };
  const std::vector<double> y = update(true);
  for (std::size_t i = 0; i < y.size(); i += 6) {
    CHECK(y[i] == y[i + 4]);
    CHECK(y[i + 1] == y[i + 5]);
    CHECK(y[i + 2] == 0.0);
    CHECK(y[i + 3] == 0.0);
  }
  CHECK(y != update(false));
}

TEST_CASE("Dropout acts in training alone, by site, seed and step", "[lora]") {
  Fixture f;
  f.args.dropout = 0.5;
  const auto run = [&f](const Pass& pass, std::uint32_t site) {
    Tape<double> tape;
    tape.begin(pass);
    f.args.site = site;
    const Var<double> x = f.input(tape);
    const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
    low_rank_update<double>(tape, x, y, f.args);
    return std::vector<double>(y.value().data, y.value().data + f.rows * f.out);
  };
  const Pass training{.seed = 1, .step = 2};
  const Pass evaluation{.training = false, .seed = 1, .step = 2};
  CHECK(run(training, 1) == run(training, 1));
  CHECK(run(training, 1) != run(training, 2));
  CHECK(run(training, 1) != run({.seed = 1, .step = 3}, 1));
  CHECK(run(training, 1) != run(evaluation, 1));
  CHECK(run(evaluation, 1) == run(evaluation, 2));
}

TEST_CASE("DoRA rescales the columns of W + s (BA)ᵀ", "[lora]") {
  Fixture f;
  Tape<double> tape;
  tape.begin({.record = false, .training = false});
  const Var<double> x = f.input(tape);
  const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
  const Var<double> result = dora_update<double>(
      tape, x, y, f.args, {.weight = &f.weight, .bias = &f.bias, .magnitude = &f.magnitude});
  for (Index j = 0; j < f.out; ++j) {
    double square = 0.0;
    for (Index l = 0; l < f.in; ++l) square += std::pow(f.w(l, j) + f.delta(l, j), 2);
    const double c = f.magnitude.value().data()[j] / std::sqrt(square);
    for (Index i = 0; i < f.rows; ++i) {
      double want = 0.0;
      for (Index l = 0; l < f.in; ++l) want += x.value()(i, l) * (f.w(l, j) + f.delta(l, j));
      want = f.bias.value().data()[j] + c * want;
      CHECK(result.value()(i, j) == Approx(want).epsilon(1e-12));
    }
  }
}

namespace {

/// DoRA out of plain operations with the norms as constants, as they are for the backward pass.
Var<double> plain_dora(Fixture& f, Tape<double>& tape, Parameter<double>& inverse_norms) {
  const Var<double> x = f.input(tape);
  const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
  const Var<double> dropped = dropout(tape, x, {.p = f.args.dropout, .site = f.args.site});
  const Var<double> base = linear<double>(tape, dropped, {.weight = &f.weight});
  const Var<double> p =
      linear<double>(tape, dropped, {.weight = &f.a, .layout = WeightLayout::out_in});
  const Var<double> u = linear<double>(tape, p, {.weight = &f.b, .layout = WeightLayout::out_in});
  const Var<double> z = add(tape, base, scale(tape, u, f.args.scale));
  const Var<double> scaled = mul(tape, mul(tape, z, f.magnitude), inverse_norms);
  return f.loss(tape, add(tape, add(tape, y, scaled), scale(tape, base, -1.0)));
}

}  // namespace

TEST_CASE("DoRA's gradients are those with the norm held constant", "[lora]") {
  for (const double dropout : {0.0, 0.4}) {
    Fixture f;
    f.args.dropout = dropout;
    Parameter<double> norms("norms", {f.out});
    ThreadPool pool(1);
    column_norms<double>(pool, {.weight = f.weight.operand(),
                                .a = std::as_const(f.a).value().matrix(),
                                .b = std::as_const(f.b).value().matrix(),
                                .scale = f.args.scale,
                                .norms = norms.value().data()});
    for (double& n : norms.value().span()) n = 1.0 / n;
    norms.set_requires_grad(false);
    const std::vector<Parameter<double>*> all = {&f.x, &f.bias, &f.a, &f.b, &f.magnitude};
    const Pass pass{.seed = 4, .step = 2};
    // The plain form passes central differences, and the fused one has its gradients.
    for (const GradientCheck& c :
         check(f, all, [&](Tape<double>& tape) { return plain_dora(f, tape, norms); })) {
      CAPTURE(dropout, c.name);
      CHECK(c.norm > 1e-3);
      CHECK(c.relative_error <= 1e-8);
    }
    std::vector<Tensor<double>> wanted;
    for (Parameter<double>* p : all) {
      wanted.push_back(p->grad().clone());
      p->zero_grad();
    }
    Tape<double> tape;
    tape.begin(pass);
    const Var<double> x = f.input(tape);
    const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
    const Var<double> result = dora_update<double>(
        tape, x, y, f.args, {.weight = &f.weight, .bias = &f.bias, .magnitude = &f.magnitude});
    tape.backward(f.loss(tape, result));
    for (std::size_t i = 0; i < all.size(); ++i) {
      double difference = 0.0;
      double norm = 0.0;
      for (Index k = 0; k < all[i]->size(); ++k) {
        difference += std::pow(all[i]->grad().data()[k] - wanted[i].data()[k], 2);
        norm += std::pow(wanted[i].data()[k], 2);
      }
      CAPTURE(dropout, all[i]->name());
      CHECK(std::sqrt(difference / norm) <= 1e-12);
    }
  }
}

TEST_CASE("A weight in bfloat16 gives the norms of its elements", "[lora]") {
  Fixture f;
  std::vector<double> norms(static_cast<std::size_t>(f.out));
  std::vector<double> half_norms(norms.size());
  ThreadPool pool(1);
  for (double& w : f.weight.value().span()) {
    w = static_cast<double>(to_float(to_bfloat16(static_cast<float>(w))));
  }
  ColumnNorms<double> args{.weight = f.weight.operand(),
                           .a = std::as_const(f.a).value().matrix(),
                           .b = std::as_const(f.b).value().matrix(),
                           .scale = 0.7,
                           .norms = norms.data()};
  column_norms(pool, args);
  f.weight.pack(true);
  args.weight = f.weight.operand();
  args.norms = half_norms.data();
  column_norms(pool, args);
  CHECK(norms == half_norms);
}

TEST_CASE("Updates refuse shapes that do not fit, and zero columns", "[lora]") {
  Fixture f;
  Tape<double> tape;
  tape.begin({});
  const Var<double> x = f.input(tape);
  const Var<double> y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
  const auto refuse = [&](const std::function<void(LowRankArgs<double>&)>& change) {
    LowRankArgs<double> args = f.args;
    change(args);
    check_throws<ShapeError>([&] { return (low_rank_update<double>(tape, x, y, args), 0); },
                             "shape.mismatch", {"(4, 6)", "a has shape (3, 4)"});
  };
  refuse([](auto& args) { args.part_count = 0; });
  refuse([](auto& args) { args.part_count = 4; });
  refuse([](auto& args) { args.parts[0] = {1, 6}; });
  refuse([](auto& args) { args.parts[0] = {0, 5}; });
  refuse([&f](auto& args) { args.b = &f.a; });
  refuse([&f](auto& args) { args.bias = &f.a; });
  const DoraBase<double> base{.weight = &f.weight, .bias = &f.bias, .magnitude = &f.a};
  check_throws<ShapeError>([&] { return dora_update<double>(tape, x, y, f.args, base); },
                           "shape.mismatch", {"a has shape (3, 4)", "6 elements"});
  tape.keep(y);
  check_throws<ConfigError>([&] { return (low_rank_update<double>(tape, x, y, f.args), 0); },
                            "tape.in_place", {"low_rank_update"});
  check_throws<ConfigError>(
      [&] {
        return dora_update<double>(
            tape, x, y, f.args, {.weight = &f.weight, .bias = &f.bias, .magnitude = &f.magnitude});
      },
      "tape.in_place", {"dora_update"});

  const Var<double> free_y = linear<double>(tape, x, {.weight = &f.weight, .bias = &f.bias});
  for (Index i = 0; i < f.in; ++i) f.weight.value().matrix()(i, 2) = 0.0;
  for (Index k = 0; k < 3; ++k) f.b.value().matrix()(2, k) = 0.0;
  check_throws<NumericError>(
      [&] {
        return dora_update<double>(
            tape, x, free_y, f.args,
            {.weight = &f.weight, .bias = &f.bias, .magnitude = &f.magnitude});
      },
      "numeric.dora", {"magnitude", "output 2"});
}
