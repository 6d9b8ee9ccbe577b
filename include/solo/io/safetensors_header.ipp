// SPDX-License-Identifier: MIT
#pragma once

#include <solo/core/error.hpp>
#include <solo/io/foreign_file.hpp>
#include <solo/io/json_visitor.hpp>
#include <solo/io/safetensors_header.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

namespace solo::inline SOLO_ABI {

namespace detail {

struct SafetensorsDType {
  std::string_view name;
  unsigned bits;
};

/// Every dtype of safetensors 0.8.
inline constexpr std::array<SafetensorsDType, 22> kSafetensorsDTypes = {{
    {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
    {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
    {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
    {"I64", 64},        {"U64", 64},
}};

[[nodiscard]] SOLO_INLINE const SafetensorsDType* find_dtype(std::string_view name) {
  for (const auto& dtype : kSafetensorsDTypes) {
    if (dtype.name == name) return &dtype;
  }
  return nullptr;
}

/// Turns the header's events into a flat table; refuses what does not belong there.
class SafetensorsHeaderVisitor final : public JsonVisitor {
 public:
  explicit SafetensorsHeaderVisitor(SafetensorsHeader& header) : header_(header) {}

  void on_null() override {
    // The reference takes a null __metadata__ for none.
    if (state_ != State::root || key_ != kMetadata) wrong("null");
  }
  void on_bool(bool value) override { wrong(value ? "true" : "false"); }
  void on_negative(std::int64_t value) override { wrong(concat(value)); }
  void on_float(double value) override { wrong(concat("the number ", value)); }
  void on_unsigned(std::uint64_t value) override {
    if (state_ == State::shape) {
      if (tensor().shape.size() == kMaxSafetensorsRank) {
        refuse("safetensors.rank",
               concat(about(), "expected at most ", kMaxSafetensorsRank, " dimensions"));
      }
      if (value > static_cast<std::uint64_t>(std::numeric_limits<Index>::max())) {
        refuse("safetensors.shape", concat(about(), "dimension ", value, " is too large"));
      }
      tensor().shape.push_back(static_cast<Index>(value));
    } else if (state_ == State::offsets && offsets_ < 2) {
      (offsets_ == 0 ? tensor().begin : tensor().end) = value;
      ++offsets_;
    } else {
      wrong(state_ == State::offsets ? "more than two offsets" : concat(value));
    }
  }
  void on_string(std::string&& value) override {
    if (state_ == State::metadata) {
      header_.metadata.emplace(std::move(key_), std::move(value));
    } else if (state_ == State::entry && field_ == kDType) {
      const SafetensorsDType* dtype = find_dtype(value);
      if (dtype == nullptr) {
        refuse("safetensors.dtype", about() + "unknown dtype " + quoted(value));
      }
      tensor().dtype = dtype->name;
      bits_ = dtype->bits;
    } else {
      wrong("the string " + quoted(value, 60));
    }
  }
  void on_key(std::string&& key) override {
    if (state_ == State::entry) return begin_field(key);
    key_ = std::move(key);
    if (state_ == State::metadata) {
      if (header_.metadata.size() == kMaxMetadata) {
        refuse("safetensors.metadata",
               concat("__metadata__: expected at most ", kMaxMetadata, " entries"));
      }
    } else if (key_ != kMetadata) {
      if (key_.empty() || key_.find('\0') != std::string::npos) {
        refuse("safetensors.name",
               "expected a tensor name, not empty and without NUL, found " + quoted(key_));
      }
    }
  }
  void on_begin_object() override {
    if (state_ == State::start) {
      state_ = State::root;
    } else if (state_ == State::root && key_ == kMetadata) {
      state_ = State::metadata;
    } else if (state_ == State::root) {
      if (header_.tensors.size() == kMaxSafetensorsTensors) {
        refuse("safetensors.too_many",
               concat("expected at most ", kMaxSafetensorsTensors, " tensors"));
      }
      header_.tensors.emplace_back();
      tensor().name = std::move(key_);
      seen_ = 0;
      offsets_ = 0;
      state_ = State::entry;
    } else {
      wrong("an object");
    }
  }
  void on_end_object() override {
    if (state_ == State::entry) end_tensor();
    state_ = State::root;
  }
  void on_begin_array() override {
    if (state_ == State::entry && field_ == kShape) {
      state_ = State::shape;
    } else if (state_ == State::entry && field_ == kOffsets) {
      state_ = State::offsets;
    } else {
      wrong("a list");
    }
  }
  void on_end_array() override {
    if (state_ == State::offsets && offsets_ != 2) wrong("fewer than two offsets");
    state_ = State::entry;
  }

 private:
  enum class State { start, root, metadata, entry, shape, offsets };
  static constexpr std::string_view kMetadata = "__metadata__";
  static constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};
  static constexpr unsigned kDType = 0;
  static constexpr unsigned kShape = 1;
  static constexpr unsigned kOffsets = 2;
  static constexpr std::size_t kMaxMetadata = 100'000;

  TensorInfo& tensor() { return header_.tensors.back(); }
  [[nodiscard]] std::string about() { return "tensor " + quoted(tensor().name) + ": "; }

  [[noreturn]] void wrong(const std::string& found) {
    const std::string tail = ", found " + found;
    if (state_ == State::start) refuse("safetensors.header", "expected an object" + tail);
    if (state_ == State::metadata || (state_ == State::root && key_ == kMetadata)) {
      refuse("safetensors.metadata", "__metadata__: expected strings by name" + tail);
    }
    if (state_ == State::root) {
      refuse("safetensors.entry", "tensor " + quoted(key_) + ": expected an object" + tail);
    }
    constexpr std::array<std::string_view, 3> kExpected = {": expected a string",
                                                           ": expected a list of integers >= 0",
                                                           ": expected two integers >= 0"};
    refuse("safetensors.entry", concat(about(), kFields[field_], kExpected[field_], tail));
  }

  void begin_field(const std::string& key) {
    const auto at = std::find(kFields.begin(), kFields.end(), key);
    if (at == kFields.end()) refuse("safetensors.entry", about() + "unknown field " + quoted(key));
    field_ = static_cast<unsigned>(at - kFields.begin());
    seen_ |= 1U << field_;
  }

  /// Cross-checks dtype, shape and data_offsets of the tensor just read.
  void end_tensor() {
    for (unsigned i = 0; i < kFields.size(); ++i) {
      if ((seen_ >> i & 1U) == 0) {
        refuse("safetensors.entry",
               concat(about(), "expected the field ", kFields[i], ", found none"));
      }
    }
    TensorInfo& info = tensor();
    info.shape.shrink_to_fit();
    if (info.end < info.begin) {
      refuse("safetensors.offsets", concat(about(), "data_offsets [", info.begin, ", ", info.end,
                                           "] end before they begin"));
    }
    // Zeros are left out, so that an overflow does not depend on where in the shape they stand.
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<Index>::max());
    std::uint64_t bits = bits_;
    bool empty = false;
    for (const Index dim : info.shape) {
      const auto d = static_cast<std::uint64_t>(dim);
      empty = empty || d == 0;
      if (d != 0 && bits > kMax / d) {
        refuse("safetensors.shape", concat(about(), "shape ", shape_text(info.shape), " of ",
                                           info.dtype, " is too large"));
      }
      if (d != 0) bits *= d;
    }
    if (empty) bits = 0;
    if (bits % 8 != 0 || bits / 8 != info.end - info.begin) {
      const std::string expected = bits % 8 != 0 ? "whole bytes" : concat(bits / 8, " bytes");
      refuse("safetensors.size",
             concat(about(), "expected ", expected, " for shape ", shape_text(info.shape), " of ",
                    info.dtype, ", found data_offsets [", info.begin, ", ", info.end, "]"));
    }
  }

  SafetensorsHeader& header_;
  State state_ = State::start;
  std::string key_;
  unsigned field_ = 0;
  unsigned seen_ = 0;
  unsigned offsets_ = 0;
  unsigned bits_ = 0;
};

/// Length of the header without its padding of spaces; checks its first and last character.
[[nodiscard]] SOLO_INLINE std::uint64_t unpadded_length(const InputFile& file,
                                                        std::uint64_t length) {
  constexpr std::uint64_t kPrefix = 8;
  std::array<char, 4096> buffer;
  const auto read = [&](std::uint64_t at, std::size_t count) {
    file.read_at(kPrefix + at, std::as_writable_bytes(std::span(buffer).first(count)));
    return std::string_view(buffer.data(), count);
  };
  if (length == 0 || read(0, 1) != "{") {
    fail<FormatError>("safetensors.header", file.name(), ": expected a header that begins with {",
                      length == 0 ? ", found an empty one" : ", found " + quoted(read(0, 1)));
  }
  while (length > 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(length, buffer.size()));
    const std::string_view tail = read(length - count, count);
    const std::size_t last = tail.find_last_not_of(' ');
    if (last == std::string_view::npos) {
      length -= count;
      continue;
    }
    if (tail[last] == '}') return length - count + last + 1;
    fail<FormatError>("safetensors.header", file.name(),
                      ": expected a header that ends with } and spaces, found ",
                      quoted(tail.substr(last, 1)));
  }
  return 0;
}

/// Checks that the tensors fill the data without hole, overlap or rest.
SOLO_INLINE void check_layout(const InputFile& file, SafetensorsHeader& header) {
  auto& tensors = header.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t end = 0;
  for (const TensorInfo& info : tensors) {
    if (info.begin != end) {
      fail<FormatError>("safetensors.offsets", file.name(), ": tensor ", quoted(info.name),
                        ": expected its data to begin at ", end,
                        ", where the tensor before ends, found ", info.begin);
    }
    end = info.end;
  }
  const std::uint64_t data = file.size() - header.data_begin;
  if (end != data) {
    fail<FormatError>("safetensors.length", file.name(), ": expected ", end,
                      " bytes of tensor data, found ", data);
  }
}

SOLO_INLINE SafetensorsHeader read_safetensors_header(const InputFile& file) {
  constexpr std::uint64_t kPrefix = 8;
  if (file.size() < kPrefix) {
    fail<FormatError>("safetensors.too_small", file.name(), ": expected at least ", kPrefix,
                      " bytes, found ", file.size());
  }
  std::array<std::byte, kPrefix> prefix{};
  file.read_at(0, prefix);
  std::uint64_t length = 0;
  for (std::size_t i = kPrefix; i-- > 0;) {
    length = length << 8U | std::to_integer<std::uint64_t>(prefix[i]);
  }
  if (length > kMaxSafetensorsHeader || length > file.size() - kPrefix) {
    refuse_foreign(file);
    fail<FormatError>("safetensors.header_size", file.name(), ": expected a header of at most ",
                      std::min(kMaxSafetensorsHeader, file.size() - kPrefix), " bytes, found ",
                      length);
  }
  SafetensorsHeader header;
  header.data_begin = kPrefix + length;
  SafetensorsHeaderVisitor visitor(header);
  JsonLimits limits;
  limits.max_values = std::numeric_limits<std::size_t>::max();  // the visitor counts what it keeps
  visit_json_range(file, {kPrefix, unpadded_length(file, length), file.name() + ": header"},
                   visitor, limits);
  check_layout(file, header);
  return header;
}

}  // namespace detail

SOLO_INLINE Index TensorInfo::size() const noexcept {
  Index product = 1;
  for (const Index dim : shape) {
    if (dim == 0) return 0;
  }
  for (const Index dim : shape) product *= dim;
  return product;
}

SOLO_INLINE std::optional<DType> weight_dtype(std::string_view dtype) noexcept {
  if (dtype == "F32") return DType::float32;
  if (dtype == "BF16") return DType::bfloat16;
  if (dtype == "F16") return DType::float16;
  if (dtype == "F64") return DType::float64;
  return std::nullopt;
}

SOLO_INLINE std::string_view safetensors_name(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
      return "F32";
    case DType::float64:
      return "F64";
    case DType::float16:
      return "F16";
    case DType::bfloat16:
      return "BF16";
  }
  return "unknown";
}

SOLO_INLINE std::string shape_text(const std::vector<Index>& shape) {
  std::string text = "(";
  for (const Index dim : shape) {
    if (text.size() > 1) text += ", ";
    text += concat(dim);
  }
  return text + ")";
}

}  // namespace solo::inline SOLO_ABI
