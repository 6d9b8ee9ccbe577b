// SPDX-License-Identifier: MIT
/// @file
/// Crafted files, and what their readers throw.
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/safetensors.hpp>

#include "support/temp_dir.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace solo::test {

inline void write_raw(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string read_raw(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// "Class id | message" of the solo::Error that `call` throws; "nothing" if it throws none.
template <class Call>
std::string error_of(const Call& call) {
  const auto text = [](std::string_view name, const solo::Error& error) {
    return std::string(name) + " " + std::string(error.id()) + " | " + error.what();
  };
  try {
    call();
  } catch (const FormatError& error) {
    return text("FormatError", error);
  } catch (const ConfigError& error) {
    return text("ConfigError", error);
  } catch (const ShapeError& error) {
    return text("ShapeError", error);
  } catch (const IoError& error) {
    return text("IoError", error);
  } catch (const NumericError& error) {
    return text("NumericError", error);
  } catch (const Error& error) {
    return text("Error", error);
  }
  return "nothing";
}

/// A safetensors file: the header's length, the header, `data_bytes` zeros.
inline std::string safetensors_bytes(std::string_view header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 0xFFU);
  }
  bytes += header;
  bytes.append(data_bytes, '\0');
  return bytes;
}

/// One tensor "t" of this dtype whose data are `raw`.
template <class Raw>
SafetensorsFile file_of(const TempDir& dir, const std::string& dtype, const std::vector<Raw>& raw) {
  const std::size_t bytes = raw.size() * sizeof(Raw);
  std::string file = safetensors_bytes("{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":[" +
                                           std::to_string(raw.size()) + "],\"data_offsets\":[0," +
                                           std::to_string(bytes) + "]}}",
                                       0);
  const std::size_t begin = file.size();
  file.resize(begin + bytes);
  if (bytes != 0) std::memcpy(file.data() + begin, raw.data(), bytes);
  write_raw(dir.path() / "t.safetensors", file);
  return SafetensorsFile::open(dir.path() / "t.safetensors");
}

}  // namespace solo::test
