#include "thinset/error.hpp"

#include <system_error>

namespace thinset {

FileError::FileError(const std::string& action, const std::string& path, int code)
    : Error("cannot " + action + " '" + path + "': " + std::generic_category().message(code)),
      action_(action),
      path_(path),
      code_(code) {}

}  // namespace thinset
