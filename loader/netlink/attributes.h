// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "loader/model/result.h"

namespace rxf::netlink {

using Bytes = std::span<const std::uint8_t>;

// One netlink attribute (netlink(7), struct nlattr) in somebody else's buffer, which may be aligned anyhow.
struct Attribute {
  std::uint16_t type = 0;   // without the flags
  std::uint16_t flags = 0;  // NLA_F_*
  Bytes payload;
};

// Takes the first attribute, and its padding, off `bytes`. nullopt where none is whole there; `bytes` is empty only if
// all of it was attributes.
std::optional<Attribute> take_attribute(Bytes& bytes);

// The object in the first bytes; nullopt where they are too few.
template <class T>
std::optional<T> read_object(Bytes bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T object;
  std::memcpy(&object, bytes.data(), sizeof(T));
  return object;
}

// What a message is expected to hold of one type.
struct Field {
  static constexpr std::size_t kAnySize = SIZE_MAX;

  std::uint16_t type = 0;
  std::size_t size = kAnySize;
  const char* name = "";
};

// The attributes of a message or nest that the kernel sent, by type, in the message's buffer. Those without a Field are
// skipped; of a repeated one the last counts.
class Attributes {
 public:
  // A Field with another size: error that names it.
  static Result<Attributes> parse(Bytes bytes, std::span<const Field> fields);

  [[nodiscard]] bool has(std::uint16_t type) const { return payloads_.contains(type); }
  // Empty where it is absent.
  [[nodiscard]] Bytes payload(std::uint16_t type) const;
  // Up to the first NUL; empty where it is absent.
  [[nodiscard]] std::string text(std::uint16_t type) const;
  // nullopt where it is absent. T is as large as the Field says.
  template <class T>
  [[nodiscard]] std::optional<T> number(std::uint16_t type) const {
    return read_object<T>(payload(type));
  }

 private:
  std::map<std::uint16_t, Bytes> payloads_;
};

}  // namespace rxf::netlink
