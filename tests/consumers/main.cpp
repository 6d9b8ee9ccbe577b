// SPDX-License-Identifier: MIT
#include <solo/core/core.hpp>

#include <iostream>

int main() {
  solo::Tensor<float> tensor({2, 3});
  solo::ThreadPool pool(2);
  pool.for_each(tensor.size(), [&](solo::Index i) { tensor.data()[i] = static_cast<float>(i); });
  std::cout << solo::as_eigen(tensor.matrix()) << '\n';
  return tensor.data()[5] == 5.0F ? 0 : 1;
}
