// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace rxf {

// Exit statuses of the command line (docs/rxfilter-loader.8).
enum class Exit {
  done = 0,
  refused = 1,       // the kernel or a file refused
  usage = 2,         // bad input
  not_attached = 3,  // no lower device of ours, or no filter
  timeout = 4,       // asked-for state not reached in time
};

// One line for a person: the thing, the cause and the next step.
struct Error {
  std::string text;
  int code = 0;  // positive errno, 0 where no system call failed
  Exit exit = Exit::refused;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

// "text: strerror(code)", with Exit::refused. `code` may come with either sign.
[[nodiscard]] std::unexpected<Error> system_error(int code, std::string text);

// Bad input: Exit::usage.
[[nodiscard]] std::unexpected<Error> usage_error(std::string text);

// Puts "context: " before the text as the error rises.
[[nodiscard]] std::unexpected<Error> wrap(Error error, const std::string& context);

}  // namespace rxf
