// SPDX-License-Identifier: MIT
#include <solo/optim/clip.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <limits>
#include <memory>

using solo::Index;

namespace {

std::unique_ptr<solo::Parameter<float>> filled(const char* name, Index size) {
  auto p = std::make_unique<solo::Parameter<float>>(name, std::vector<Index>{size});
  for (std::size_t i = 0; i < p->grad().span().size(); ++i) {
    p->grad().span()[i] = std::cos(static_cast<float>(i) + 0.5F);
  }
  return p;
}

}  // namespace

TEST_CASE("gradient_norm: every element once, whatever the sizes and threads", "[optim]") {
  for (const Index size : {Index{1}, Index{7}, Index{8}, Index{4096}, Index{4097}, Index{30001}}) {
    const auto a = filled("a", size);
    const auto b = filled("b", 13);
    solo::Parameter<float> none("none", {5});
    double sum = 0.0;
    for (solo::Parameter<float>* p : {a.get(), b.get()}) {
      for (const float g : p->grad().span()) {
        sum += static_cast<double>(g) * static_cast<double>(g);
      }
    }
    const std::vector<solo::Parameter<float>*> all = {a.get(), &none, b.get()};
    const double norm = solo::gradient_norm(all);
    CHECK(norm == Approx(std::sqrt(sum)).epsilon(1e-13));
    CHECK_FALSE(none.has_grad());
    for (const int threads : {2, 5}) {
      CHECK(solo::gradient_norm(all, {.pool = std::make_shared<solo::ThreadPool>(threads)}) ==
            norm);
    }
  }
  CHECK(solo::gradient_norm<double>({}) == 0.0);
}

TEST_CASE("gradient_norm does not overflow where float would", "[optim]") {
  solo::Parameter<float> p("p", {2});
  p.grad().fill(1e30F);
  CHECK(solo::gradient_norm<float>({&p}) == Approx(std::sqrt(2.0) * 1e30).epsilon(1e-6));
}

TEST_CASE("clip_grad_norm returns the norm before and scales only what is too long", "[optim]") {
  solo::Parameter<double> a("a", {2});
  solo::Parameter<double> b("b", {1});
  a.grad().span()[0] = 3.0;
  b.grad().span()[0] = -4.0;
  const std::vector<solo::Parameter<double>*> all = {&a, &b};
  CHECK(solo::clip_grad_norm(all, 5.1) == 5.0);
  CHECK(a.grad().span()[0] == 3.0);
  CHECK(solo::clip_grad_norm(all, 1.0) == 5.0);
  CHECK(a.grad().span()[0] == 3.0 * (1.0 / (5.0 + 1e-6)));
  CHECK(b.grad().span()[0] == -4.0 * (1.0 / (5.0 + 1e-6)));
  CHECK(solo::clip_grad_norm(all, std::numeric_limits<double>::infinity()) == Approx(1.0));
}

TEST_CASE("gradient_norm names the first tensor that is not finite, and the step", "[optim]") {
  solo::Parameter<double> a("h.0.attn", {3});
  solo::Parameter<double> b("h.1.attn", {3});
  a.grad().fill(1.0);
  b.grad().fill(1.0);
  const std::vector<solo::Parameter<double>*> all = {&a, &b};
  const auto message = [&](std::int64_t step) {
    try {
      static_cast<void>(solo::gradient_norm(all, {.step = step}));
    } catch (const solo::NumericError& error) {
      CHECK(error.id() == "numeric.gradient");
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(0).empty());
  b.grad().span()[2] = -std::numeric_limits<double>::infinity();
  CHECK(message(0) == "the gradient of 'h.1.attn' is -inf at element 2");
  a.grad().span()[1] = -std::nan("");
  CHECK(message(17) == "step 17: the gradient of 'h.0.attn' is nan at element 1");
  a.grad().fill(1e200);
  CHECK(message(3) == "step 3: the norm of the gradient of 'h.0.attn' is too large");
}

TEST_CASE("clip_grad_norm wants a norm above 0", "[optim]") {
  solo::Parameter<double> a("a", {1});
  for (const double bad : {0.0, -1.0, std::nan("")}) {
    try {
      solo::clip_grad_norm<double>({&a}, bad);
      FAIL(bad << " is accepted");
    } catch (const solo::ConfigError& error) {
      CHECK(error.id() == "config.range");
      CHECK(std::string(error.what()).starts_with("max_norm: expected a number above 0, found "));
    }
  }
}
