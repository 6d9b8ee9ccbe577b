// SPDX-License-Identifier: MIT
/// @file
/// Gradient check by central differences, for one's own operations and adapters.
#pragma once

#include <solo/autograd/parameter.hpp>
#include <solo/autograd/tape.hpp>

#include <cmath>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace solo::inline SOLO_ABI {

/// Options of check_gradients.
struct GradientCheckOptions {
  double epsilon = 1e-5;  ///< step of the differences
  Index elements = 0;     ///< check this many elements a tensor, spread evenly; 0: all
  Pass pass = {};         ///< how each pass begins (seed and step of the random numbers)
};

/// Result of one tensor.
struct GradientCheck {
  std::string name;
  double relative_error =
      0.0;  ///< ‖analytic − numeric‖ / max(‖analytic‖, ‖numeric‖), 0 if both are 0
  double norm = 0.0;  ///< ‖numeric‖ of the elements looked at
};

/// Compares the gradients that `loss` records with central differences
/// (ℓ(p + ε) − ℓ(p − ε)) / 2ε, tensor by tensor. `loss` computes a (1, 1) matrix on a tape that has
/// begun; it must be a pure function of the parameters. Values are left as they were; use double.
template <Scalar T>
[[nodiscard]] std::vector<GradientCheck> check_gradients(
    const std::function<Var<T>(Tape<T>&)>& loss, std::span<Parameter<T>* const> parameters,
    const GradientCheckOptions& options = {}) {
  Tape<T> tape;
  for (Parameter<T>* p : parameters) p->zero_grad();
  tape.begin(options.pass);
  tape.backward(loss(tape));
  Pass plain = options.pass;
  plain.record = false;
  const auto value_at = [&](T& element, T x) {
    element = x;
    tape.begin(plain);
    return static_cast<double>(loss(tape).item());
  };
  std::vector<GradientCheck> results;
  for (Parameter<T>* p : parameters) {
    const Index count = options.elements > 0 ? std::min(options.elements, p->size()) : p->size();
    double difference = 0.0;
    double analytic = 0.0;
    double numeric = 0.0;
    for (Index k = 0; k < count; ++k) {
      const Index i = k * p->size() / count;
      T& element = p->value().data()[i];
      const T x = element;
      const auto step = static_cast<T>(options.epsilon);
      const double slope = (value_at(element, x + step) - value_at(element, x - step)) /
                           (2.0 * static_cast<double>(step));
      element = x;
      const auto gradient = static_cast<double>(p->grad().data()[i]);
      difference += (gradient - slope) * (gradient - slope);
      analytic += gradient * gradient;
      numeric += slope * slope;
    }
    const double largest = std::sqrt(std::max(analytic, numeric));
    results.push_back(
        {p->name(), largest == 0.0 ? 0.0 : std::sqrt(difference) / largest, std::sqrt(numeric)});
  }
  return results;
}

}  // namespace solo::inline SOLO_ABI
