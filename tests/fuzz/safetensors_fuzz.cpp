// SPDX-License-Identifier: MIT
// A safetensors file: every accepted byte is read in every form, and survives being written.

#include <solo/core/scalar.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>

#include "fuzz/fuzz.hpp"

#include <cmath>
#include <cstring>

namespace {

using namespace solo;

/// Reads a tensor in all ways, which must agree. Its values; empty when they are not finite
/// weights.
std::vector<double> read_all(const SafetensorsFile& file, const TensorInfo& info) {
  fuzz::require(&file.at(info.name) == &info, "a tensor is found by its name");
  const auto size = static_cast<std::size_t>(info.size());
  std::vector<double> values(size);
  const bool read = fuzz::accepted([&] { file.read<double>(info, values); });
  if (!weight_dtype(info.dtype)) {
    fuzz::require(!read, "only weights are read");
    file.check_finite(info);
    return {};
  }
  fuzz::require(read == fuzz::accepted([&] { file.check_finite(info); }), "one idea of finite");
  fuzz::require((info.end - info.begin) == size * size_of(*weight_dtype(info.dtype)),
                "a shape fits its bytes");
  std::vector<float> floats(size);
  const bool as_float = fuzz::accepted([&] { file.read<float>(info, floats); });
  if (!read) {
    fuzz::require(!as_float, "no form is read that is not finite");
    return {};
  }
  for (std::size_t i = 0; i < size; ++i) {
    fuzz::require(std::isfinite(values[i]), "what is read is finite");
    if (as_float) {
      fuzz::require(floats[i] == static_cast<float>(values[i]), "floats are the doubles rounded");
    }
  }
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("a", fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const SafetensorsFile file = SafetensorsFile::open(folder.path("a"));
    std::vector<std::vector<double>> values;
    std::vector<TensorRef> refs;
    std::uint64_t end = 0;
    bool all = true;
    values.reserve(file.tensors().size());
    for (const TensorInfo& info : file.tensors()) {
      fuzz::require(info.begin == end && info.end >= end, "tensors lie end to end");
      end = info.end;
      values.push_back(read_all(file, info));
      refs.push_back({info.name, info.shape, std::span<const double>(values.back())});
      all = all && values.back().size() == static_cast<std::size_t>(info.size()) &&
            weight_dtype(info.dtype);
    }
    fuzz::require(end <= size, "the data lie in the file");
    if (!all) return;

    SafetensorsWriteOptions options;
    options.dtype = DType::float64;
    options.metadata = file.metadata();
    write_safetensors(folder.path("b"), refs, options);
    const SafetensorsFile again = SafetensorsFile::open(folder.path("b"));
    fuzz::require(again.metadata() == file.metadata(), "metadata survive");
    fuzz::require(again.tensors().size() == refs.size(), "every tensor survives");
    for (std::size_t i = 0; i < refs.size(); ++i) {
      const TensorInfo& info = again.at(refs[i].name);
      fuzz::require(info.shape == refs[i].shape, "shapes survive");
      std::vector<double> copy(values[i].size());
      again.read<double>(info, copy);
      fuzz::require(copy.empty() || std::memcmp(copy.data(), values[i].data(),
                                                copy.size() * sizeof(double)) == 0,
                    "values survive");
    }
  });
  return 0;
}
