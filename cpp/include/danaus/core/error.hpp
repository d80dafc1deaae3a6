// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>

#include <danaus/config.hpp>

namespace danaus {

/// What set-up code that can fail for numerical reasons returns.
enum class Outcome : unsigned char { ok, singular, not_converged };

/// A value or shape the caller gave cannot be used. Message: `area.function: what must hold,
/// what was given`. Becomes ValueError in Python.
class Error : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// A file cannot be opened or read (as opposed to: its contents are wrong, which is an Error).
/// Becomes OSError in Python.
class FileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws `E(message)`; where exceptions are switched off, prints the message and stops.
template <class E = Error>
[[noreturn]] inline void raise(const std::string& message) {
#if DANAUS_HAS_EXCEPTIONS
  throw E(message);
#else
  std::fputs(message.c_str(), stderr);
  std::fputc('\n', stderr);
  std::abort();
#endif
}

/// Raises unless `holds`. The message is built only when it is needed.
template <class Message>
inline void require(bool holds, Message&& message) {
  if (!holds) raise<Error>(std::forward<Message>(message)());
}

}  // namespace danaus
