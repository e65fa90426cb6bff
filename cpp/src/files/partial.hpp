// A file or folder that is being made under a temporary name.
#pragma once

#include <filesystem>

#include "files/descriptor.hpp"

namespace thinset {

// Creates it, locked, in `place` for a target of the same or another folder, after removing what
// dead processes have left there for that target. Removes whatever stands under the temporary name
// at the end: nothing where it has been renamed.
class Partial {
 public:
  enum class Kind { file, folder };
  // Throws FileError, which names `shown` as what cannot be created.
  Partial(Kind kind, const std::filesystem::path& place, const std::filesystem::path& target,
          const std::filesystem::path& shown);
  ~Partial();
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_.number(); }

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

}  // namespace thinset
