// SPDX-License-Identifier: MIT
// A checkpoint as it is, and once more with checksums that fit, as hardly any other input gets
// beyond them. What is accepted survives being written.

#include <solo/io/checksum.hpp>
#include <solo/io/safetensors.hpp>
#include <solo/io/safetensors_write.hpp>
#include <solo/train/checkpoint.hpp>

#include "fuzz/fuzz.hpp"

#include <cmath>
#include <cstring>
#include <map>

namespace {

using namespace solo;

bool same_bits(const Tensor<float>& a, const Tensor<float>& b) {
  return a.shape() == b.shape() &&
         (a.size() == 0 || std::memcmp(a.data(), b.data(), a.span().size_bytes()) == 0);
}

/// Every value is finite, and comes back from another file.
void use(const Checkpoint<float>& checkpoint, const std::filesystem::path& path) {
  std::vector<CheckpointTensorRef<float>> refs;
  for (const CheckpointTensor<float>& t : checkpoint.tensors) {
    for (const Tensor<float>* part : {&t.value, &t.m, &t.v}) {
      for (const float x : part->span()) fuzz::require(std::isfinite(x), "values are finite");
    }
    fuzz::require(!t.trains || (t.m.shape() == t.value.shape() && t.v.shape() == t.value.shape()),
                  "moments fit their values");
    refs.push_back({.name = t.name,
                    .value = &t.value,
                    .m = t.trains ? &t.m : nullptr,
                    .v = t.trains ? &t.v : nullptr,
                    .updates = t.updates});
  }
  write_checkpoint<float>(path,
                          {.state = checkpoint.state, .run = checkpoint.run, .tensors = refs});
  const Checkpoint<float> again = read_checkpoint<float>(path);
  fuzz::require(again.state.to_json() == checkpoint.state.to_json() && again.run == checkpoint.run,
                "state and run survive");
  fuzz::require(again.tensors.size() == checkpoint.tensors.size(), "every tensor survives");
  for (std::size_t i = 0; i < again.tensors.size(); ++i) {
    const CheckpointTensor<float>& a = again.tensors[i];
    const CheckpointTensor<float>& b = checkpoint.tensors[i];
    fuzz::require(a.name == b.name && a.trains == b.trains && a.updates == b.updates &&
                      same_bits(a.value, b.value) && same_bits(a.m, b.m) && same_bits(a.v, b.v),
                  "tensors survive bit by bit");
  }
}

/// The file's tensors and metadata with the checksums that a writer would give them.
void seal(const SafetensorsFile& file, const std::filesystem::path& path) {
  std::map<std::string, Checksum> checksums = {{"log", {}}, {"m", {}}, {"v", {}}, {"value", {}}};
  std::vector<std::vector<float>> values;
  std::vector<std::vector<double>> logs;
  logs.reserve(file.tensors().size());
  std::vector<TensorRef> refs;
  values.reserve(file.tensors().size());
  for (const TensorInfo& info : file.tensors()) {
    if (info.name.starts_with("log.")) {
      std::vector<double>& data = logs.emplace_back(static_cast<std::size_t>(info.size()));
      file.read<double>(info, data);
      refs.push_back({info.name, info.shape, std::span<const double>(data), DType::float64});
      checksums.at("log").update(std::as_bytes(std::span<const double>(data)));
      continue;
    }
    std::vector<float>& data = values.emplace_back(static_cast<std::size_t>(info.size()));
    file.read<float>(info, data);
    refs.push_back({info.name, info.shape, std::span<const float>(data)});
    const auto section = checksums.find(info.name.substr(0, info.name.find('.')));
    if (section != checksums.end()) {
      section->second.update(std::as_bytes(std::span<const float>(data)));
    }
  }
  SafetensorsWriteOptions options;
  options.metadata = file.metadata();
  for (const auto& [section, checksum] : checksums) {
    options.metadata["checksum." + section] = checksum.digits();
  }
  options.metadata.erase("checksum.header");
  options.checksum_key = "checksum.header";
  write_safetensors(path, refs, options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("a", fuzz::text_of(data, size));
  const bool intact = fuzz::accepted([&] { verify_checkpoint<float>(folder.path("a")); });
  fuzz::accepted([&] {
    const Checkpoint<float> checkpoint = read_checkpoint<float>(folder.path("a"));
    fuzz::require(intact, "what is read verifies");
    use(checkpoint, folder.path("b"));
  });
  fuzz::accepted([&] {
    seal(SafetensorsFile::open(folder.path("a")), folder.path("c"));
    use(read_checkpoint<float>(folder.path("c")), folder.path("b"));
  });
  return 0;
}
