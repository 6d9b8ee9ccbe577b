// SPDX-License-Identifier: MIT
// An operation of one's own with a backward pass written by hand, checked by central differences.
#include <solo/solo.hpp>

#include <cmath>
#include <iostream>
#include <vector>

/// Swish with a trainable slope a_j for each column: y_ij = x_ij σ(a_j x_ij).
template <class T>
solo::Var<T> swish(solo::Tape<T>& tape, solo::Var<T> x, solo::Parameter<T>& slope) {
  const auto sigmoid = [](T u) { return 1 / (1 + std::exp(-u)); };
  const bool recorded = tape.needs(x.requires_grad() || slope.requires_grad());
  const solo::Var<T> y = tape.create(x.rows(), x.cols(), recorded);
  for (solo::Index i = 0; i < x.rows(); ++i) {
    for (solo::Index j = 0; j < x.cols(); ++j) {
      const T u = x.value()(i, j);
      y.value()(i, j) = u * sigmoid(slope.value().data()[j] * u);
    }
  }
  if (!recorded) return y;

  tape.keep(x);                                                   // the backward pass reads it
  tape.record(y, [x, y, sigmoid, a = &slope](solo::Tape<T>& t) {  // it adds to the gradients
    for (solo::Index i = 0; i < x.rows(); ++i) {
      for (solo::Index j = 0; j < x.cols(); ++j) {
        const T u = x.value()(i, j);
        const T aj = a->value().data()[j];
        const T s = sigmoid(aj * u);
        const T dy = t.grad(y)(i, j);
        if (x.requires_grad()) t.grad(x)(i, j) += dy * (s + aj * u * s * (1 - s));
        if (a->requires_grad()) a->grad().data()[j] += dy * u * u * s * (1 - s);
      }
    }
  });
  return y;
}

int main() {
  solo::Parameter<double> weight("weight", {3, 4});  // x comes from something that trains
  solo::Parameter<double> slope("slope", {4});
  solo::Matrix<double> input(5, 3);
  solo::Matrix<double> readout(5, 4);
  double x = 0.0;
  for (double& value : weight.value().span()) value = std::sin(x += 1.0);
  for (double& value : slope.value().span()) value = 1.0 + 0.5 * std::sin(x += 1.0);
  for (double& value : input.reshaped()) value = std::sin(x += 1.0);
  for (double& value : readout.reshaped()) value = std::sin(x += 1.0);

  // Any function of the parameters that ends in a (1, 1) matrix: here Σ readout ⊙ swish(input W).
  const auto loss = [&](solo::Tape<double>& tape) {
    const solo::Var<double> h =
        solo::linear<double>(tape, tape.copy({input.data(), 5, 3}), {.weight = &weight});
    return solo::weighted_sum<double>(tape, swish(tape, h, slope), {readout.data(), 5, 4});
  };
  const std::vector<solo::Parameter<double>*> parameters = {&weight, &slope};
  bool good = true;
  for (const solo::GradientCheck& check : solo::check_gradients<double>(loss, parameters)) {
    std::cout << check.name << ": relative error " << check.relative_error << '\n';
    good = good && check.norm > 0.0 && check.relative_error < 1e-7;
  }
  return good ? 0 : 1;
}
