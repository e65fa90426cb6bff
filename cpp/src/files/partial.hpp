// A file or folder that is being made under a temporary name.
#pragma once

#include <filesystem>

#include "files/descriptor.hpp"

namespace thinset {

// Creates it, locked, in `place` for a target of the same or another folder, after removing
// leftovers of dead processes for that target. The destructor removes anything that still has the
// temporary name.
class Partial {
 public:
  enum class Kind { file, folder };
  // Throws FileError, which says that `shown` cannot be created.
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
