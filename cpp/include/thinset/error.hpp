/// @file
/// The exceptions of thinset_core. Every message states the constraint and the value received.
#pragma once

#include <stdexcept>
#include <string>

#include "thinset/api.hpp"

namespace THINSET_API thinset {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument or the content of an array breaks a constraint.
class InvalidInput : public Error {
 public:
  using Error::Error;
};

/// A file violates its format: truncated, corrupt or hostile.
class FormatError : public InvalidInput {
 public:
  using InvalidInput::InvalidInput;
};

/// The operating system refused: missing file, no permission, disk full.
class FileError : public Error {
 public:
  FileError(const std::string& action, const std::string& path, int code);

  [[nodiscard]] int code() const noexcept { return code_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::string& action() const noexcept { return action_; }

 private:
  std::string action_;
  std::string path_;
  int code_;
};

/// The caller's Monitor asked to stop. Nothing was written under a final name.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

}  // namespace THINSET_API thinset
