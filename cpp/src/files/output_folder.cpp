#include "thinset/output_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "files/descriptor.hpp"
#include "files/file_kind.hpp"
#include "files/folder_entries.hpp"
#include "files/folder_replacement.hpp"
#include "files/partial.hpp"
#include "files/swap_folders.hpp"
#include "files/syncing.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

// Resolves links that are not broken.
std::filesystem::path resolve(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::path resolved = std::filesystem::weakly_canonical(folder, failure);
  if (failure) {
    throw FileError("open", folder, failure.value());
  }
  // "out/" means the folder "out".
  return resolved.has_filename() ? resolved : resolved.parent_path();
}

}  // namespace

OutputFolder::OutputFolder(std::filesystem::path folder, std::vector<std::string> names)
    : shown_(std::move(folder)), folder_(resolve(shown_)), names_(std::move(names)) {
  try {
    prepare();
  } catch (...) {
    withdraw();
    throw;
  }
}

OutputFolder::~OutputFolder() { withdraw(); }

void OutputFolder::withdraw() noexcept {
  whole_.reset();
  pieces_.reset();
  for (; !new_parents_.empty(); new_parents_.pop_back()) {
    ::rmdir(new_parents_.back().c_str());
  }
}

void OutputFolder::prepare() {
  restore_replaced(folder_);
  const auto status = status_of(folder_);
  if (!status) {
    create_parents();
    whole_ = std::make_unique<FolderReplacement>(folder_, shown_, names_);
    return;
  }
  if (!S_ISDIR(status->st_mode)) {
    throw InvalidInput("the output '" + shown_.string() + "' is " + kind_of_file(status->st_mode) +
                       "; name a folder or a new one");
  }
  for (const std::string& name : names_) {
    remove_leftovers(folder_, folder_ / name);
  }
  if (names_.size() == 1) {
    return;
  }
  std::string obstacle = obstacle_to_replacing(folder_, shown_, *status);
  if (obstacle.empty()) {
    whole_ = std::make_unique<FolderReplacement>(folder_, shown_, names_);
    obstacle = whole_->try_to_keep_files();  // must be checked before the work
  }
  if (!obstacle.empty()) {
    prepare_pieces(obstacle);
  }
}

void OutputFolder::prepare_pieces(const std::string& obstacle) {
  for (const std::string& name : names_) {
    if (status_of(folder_ / name)) {
      throw InvalidInput("the folder '" + shown_.string() + "' holds '" + name +
                         "' already and cannot be replaced as a whole, because " + obstacle +
                         "; choose another output folder");
    }
  }
  whole_.reset();
  pieces_ =
      std::make_unique<Partial>(Partial::Kind::folder, folder_, folder_ / names_.front(), shown_);
}

void OutputFolder::create_parents() {
  std::vector<std::filesystem::path> missing;
  for (auto parent = parent_of(folder_); !status_of(parent) && parent != parent_of(parent);
       parent = parent_of(parent)) {
    missing.push_back(parent);
  }
  new_parents_.reserve(missing.size());
  for (; !missing.empty(); missing.pop_back()) {
    if (::mkdir(missing.back().c_str(), 0777) == 0) {
      new_parents_.push_back(missing.back());
    } else if (errno != EEXIST) {
      throw FileError("create", shown_, errno);
    }
  }
}

OutputFile OutputFolder::create(const std::string& name) const {
  const std::filesystem::path& place = whole_    ? whole_->path()
                                       : pieces_ ? pieces_->path()
                                                 : folder_;
  return OutputFile(place / name, shown_ / name);
}

void OutputFolder::commit() {
  if (whole_) {
    whole_->commit();
    whole_.reset();
  }
  if (pieces_) {
    commit_pieces();
    pieces_.reset();
  }
  for (const std::filesystem::path& parent : new_parents_) {
    sync_folder(parent_of(parent), shown_);
  }
  new_parents_.clear();
}

void OutputFolder::commit_pieces() {
  const Descriptor folder = open_descriptor(folder_, O_RDONLY | O_DIRECTORY);
  if (folder.is_open() && try_to_lock(folder.number()) == Lock::held_by_another) {
    throw FileError("write to", shown_, EBUSY);  // by another process that writes the same folder
  }
  std::size_t n_done = 0;
  try {
    for (; n_done < names_.size(); ++n_done) {
      const std::filesystem::path target = folder_ / names_[n_done];
      if (status_of(target)) {
        throw FileError("create", shown_ / names_[n_done], EEXIST);
      }
      if (::rename((pieces_->path() / names_[n_done]).c_str(), target.c_str()) != 0) {
        throw FileError("create", shown_ / names_[n_done], errno);
      }
    }
  } catch (...) {
    for (; n_done > 0; --n_done) {
      remove_quietly(folder_ / names_[n_done - 1]);
    }
    throw;
  }
  sync_folder(folder_, shown_);
}

}  // namespace thinset
