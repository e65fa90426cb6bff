/// @file
/// Several files that are written to one folder atomically.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "thinset/api.hpp"
#include "thinset/output_file.hpp"

namespace thinset {

class FolderReplacement;
class Partial;

}  // namespace thinset

namespace THINSET_API thinset {

/// The files are made in a new folder beside the target; commit() replaces the target by it in one
/// step. Other files and links of the old folder are kept, and so are its permissions. Without
/// commit() nothing changes.
///
/// If the target cannot be replaced as a whole (the current folder, a mount point, a folder with
/// sub-folders or with files that cannot be linked, a parent that may not be written to), the files
/// are renamed into it one after another, the last of `names` last, and only if none of them exists
/// yet.
class OutputFolder {
 public:
  /// Creates the parents of `folder`. Throws InvalidInput if the folder cannot receive the files;
  /// FileError.
  OutputFolder(std::filesystem::path folder, std::vector<std::string> names);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// One of the names, to be written and committed before the folder is.
  [[nodiscard]] OutputFile create(const std::string& name) const;
  void commit();

 private:
  void prepare();
  void prepare_pieces(const std::string& obstacle);
  void create_parents();
  void commit_pieces();
  void withdraw() noexcept;

  std::filesystem::path shown_;   ///< the caller's name for it
  std::filesystem::path folder_;  ///< without links
  std::vector<std::string> names_;
  std::vector<std::filesystem::path> new_parents_;  ///< removed unless commit() is reached
  /// At most one of them: a new folder beside the target, or one inside it whose files are moved
  /// out. Without either, the only file is written directly into the target.
  std::unique_ptr<FolderReplacement> whole_;
  std::unique_ptr<Partial> pieces_;
};

}  // namespace THINSET_API thinset
