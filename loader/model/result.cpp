// SPDX-License-Identifier: GPL-2.0-only
#include "loader/model/result.h"

#include <system_error>

namespace rxf {

std::unexpected<Error> system_error(int code, std::string text) {
  // Not -code: the most negative int has no positive counterpart, and foreign bytes may hold it.
  const int positive = code < 0 ? static_cast<int>(0U - static_cast<unsigned>(code)) : code;
  text += ": " + std::generic_category().message(positive);
  return std::unexpected(Error{.text = std::move(text), .code = positive, .exit = Exit::refused});
}

std::unexpected<Error> usage_error(std::string text) {
  return std::unexpected(Error{.text = std::move(text), .code = 0, .exit = Exit::usage});
}

std::unexpected<Error> wrap(Error error, const std::string& context) {
  error.text.insert(0, context + ": ");
  return std::unexpected(std::move(error));
}

}  // namespace rxf
