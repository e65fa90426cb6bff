// A new folder that replaces an old one, or none, in one step.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "files/partial.hpp"

namespace thinset {

// Why a folder cannot be replaced by a new one with the same files; empty if it can. `shown` is the
// folder's name in messages.
std::string obstacle_to_replacing(const std::filesystem::path& folder,
                                  const std::filesystem::path& shown, const struct stat& status);

// The new folder is made beside the old one. Its outputs are `names`; every other file and link of
// the old folder is kept: files are hard-linked, links are copied.
class FolderReplacement {
 public:
  FolderReplacement(std::filesystem::path folder, std::filesystem::path shown,
                    const std::vector<std::string>& names);

  // The folder to write the outputs to.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return partial_.path(); }
  // The obstacle to keeping the other files of the old folder; empty if there is none.
  [[nodiscard]] std::string try_to_keep_files() const;
  void commit();

 private:
  bool appear() const;
  bool replace(const struct stat& old) const;
  [[nodiscard]] std::string keep_other_files() const;
  void drop_other_files() const;
  void bring_latest_files() const;
  [[nodiscard]] bool is_output(const std::string& name) const;

  std::filesystem::path folder_;
  std::filesystem::path shown_;
  const std::vector<std::string>& names_;
  Partial partial_;
};

}  // namespace thinset
