// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <stdexcept>
#include <type_traits>
#include <utility>

#include "loader/model/result.h"

namespace rxf::test {

// The value; an error is thrown as std::runtime_error, with its text.
template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace rxf::test
