// SPDX-License-Identifier: MIT
/// @file
/// A user's own adapter: h_dst += a ⊙ tanh(h_src).
#pragma once

#include <solo/autograd/functions.hpp>
#include <solo/nn/nn.hpp>

#include <utility>
#include <vector>

namespace solo::test {

template <Scalar T>
struct GatedTanh final : BlockAdapter<T> {
  Parameter<T> a;
  std::vector<Link> places;

  explicit GatedTanh(const GPT2Config& c, std::vector<Link> links = {{1, 2}, {2, 4}})
      : a("a", {c.n_embd}), places(std::move(links)) {}
  [[nodiscard]] std::vector<Link> links() const override { return places; }
  [[nodiscard]] std::vector<Parameter<T>*> parameters() override { return {&a}; }
  [[nodiscard]] Var<T> delta(Tape<T>& t, Link, Var<T> h) override {
    return mul(t, solo::tanh(t, h), a);
  }
};

}  // namespace solo::test
