#include "files/folder_replacement.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <functional>
#include <utility>

#include "files/file_kind.hpp"
#include "files/folder_entries.hpp"
#include "files/swap_folders.hpp"
#include "files/syncing.hpp"
#include "files/temporary_names.hpp"
#include "thinset/error.hpp"

namespace thinset {

namespace {

bool is_mount_point(const std::filesystem::path& folder, const struct stat& status) {
#ifdef STATX_ATTR_MOUNT_ROOT
  struct statx details{};
  if (::statx(AT_FDCWD, folder.c_str(), 0, 0, &details) == 0 &&
      (details.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
    return true;
  }
#endif
  const auto parent = status_of(parent_of(folder));
  return !parent || parent->st_dev != status.st_dev || is_same_file(*parent, status);
}

// Calls action(name, status) for every entry of a folder, until it returns false.
void for_each_entry(
    const std::filesystem::path& folder, const std::filesystem::path& shown,
    const std::function<bool(const std::string& name, const struct stat& status)>& action) {
  const int failure = for_each_name(folder, [&](const char* name) {
    const auto status = status_of(folder / name);
    return !status || action(name, *status);
  });
  if (failure != 0) {
    throw FileError("read", shown, failure);
  }
}

// Whether only the owner may rename `folder`, and the owner is another user.
bool is_renamed_by_its_owner_alone(const std::filesystem::path& folder, const struct stat& status) {
  const auto parent = status_of(parent_of(folder));
  const uid_t user = ::geteuid();
  return parent && (parent->st_mode & S_ISVTX) != 0 && user != 0 && user != status.st_uid &&
         user != parent->st_uid;
}

// A second name for a file, or a copy of a link. 0 or the error number.
int link_entry(const std::filesystem::path& from, const std::filesystem::path& to,
               const struct stat& status) {
  if (!S_ISLNK(status.st_mode)) {
    return ::link(from.c_str(), to.c_str()) == 0 ? 0 : errno;
  }
  std::array<char, PATH_MAX> target{};  // its last byte stays 0
  const ssize_t length = ::readlink(from.c_str(), target.data(), target.size() - 1);
  return length >= 0 && ::symlink(target.data(), to.c_str()) == 0 ? 0 : errno;
}

// The file system or the file's permissions never allow it.
bool cannot_link(int failure) {
  return failure == EPERM || failure == EACCES || failure == EMLINK || failure == EXDEV ||
         failure == ENOSYS || failure == EINVAL || failure == ENOTSUP || failure == EOPNOTSUPP;
}

}  // namespace

std::string obstacle_to_replacing(const std::filesystem::path& folder,
                                  const std::filesystem::path& shown, const struct stat& status) {
  const auto current = status_of(".");
  if (!current || is_same_file(*current, status)) {
    return "it is the current folder";
  }
  if (is_mount_point(folder, status)) {
    return "it is a mount point";
  }
  if (::access(parent_of(folder).c_str(), W_OK | X_OK) != 0 ||
      is_renamed_by_its_owner_alone(folder, status)) {
    return "this user may not rename it";
  }
  std::string obstacle;
  for_each_entry(folder, shown, [&](const std::string& name, const struct stat& entry) {
    if (!S_ISREG(entry.st_mode) && !S_ISLNK(entry.st_mode)) {
      obstacle = "it holds '" + name + "', " + kind_of_file(entry.st_mode);
    }
    return obstacle.empty();
  });
  return obstacle;
}

FolderReplacement::FolderReplacement(std::filesystem::path folder, std::filesystem::path shown,
                                     const std::vector<std::string>& names)
    : folder_(std::move(folder)),
      shown_(std::move(shown)),
      names_(names),
      partial_(Partial::Kind::folder, parent_of(folder_), folder_, shown_) {}

std::string FolderReplacement::try_to_keep_files() const {
  const std::string obstacle = keep_other_files();
  drop_other_files();
  return obstacle;
}

bool FolderReplacement::is_output(const std::string& name) const {
  return std::ranges::find(names_, name) != names_.end();
}

std::string FolderReplacement::keep_other_files() const {
  std::string obstacle;
  for_each_entry(folder_, shown_, [&](const std::string& name, const struct stat& entry) {
    if (is_output(name)) {
      return true;
    }
    const int failure = link_entry(folder_ / name, partial_.path() / name, entry);
    if (cannot_link(failure)) {
      obstacle = "it holds '" + name + "', which cannot be hard-linked";
    } else if (failure != 0 && failure != ENOENT) {
      throw FileError("keep", shown_ / name, failure);
    }
    return obstacle.empty();
  });
  return obstacle;
}

void FolderReplacement::drop_other_files() const {
  for_each_entry(partial_.path(), shown_,
                 [&](const std::string& name, const struct stat& /*entry*/) {
                   if (!is_output(name)) {
                     ::unlink((partial_.path() / name).c_str());
                   }
                   return true;
                 });
}

void FolderReplacement::bring_latest_files() const {
  for_each_entry(partial_.path(), shown_, [&](const std::string& name, const struct stat& old) {
    const auto kept = status_of(folder_ / name);
    const bool is_kept = kept && (is_same_file(*kept, old) || S_ISLNK(old.st_mode));
    if (!is_output(name) && !is_kept) {
      ::rename((partial_.path() / name).c_str(), (folder_ / name).c_str());
    }
    return true;
  });
}

void FolderReplacement::commit() {
  // Others may create, replace or remove the folder meanwhile.
  constexpr int max_attempts = 100;
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    if (const auto old = status_of(folder_); old ? replace(*old) : appear()) {
      return sync_folder(parent_of(folder_), shown_);
    }
  }
  throw FileError("replace", shown_, EBUSY);
}

bool FolderReplacement::appear() const {
  sync_folder(partial_.path(), shown_);
  if (::rename(partial_.path().c_str(), folder_.c_str()) == 0) {
    return true;
  }
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
    throw FileError("create", shown_, errno);
  }
  return false;
}

bool FolderReplacement::replace(const struct stat& old) const {
  drop_other_files();
  if (!S_ISDIR(old.st_mode) || !obstacle_to_replacing(folder_, shown_, old).empty() ||
      !keep_other_files().empty()) {
    throw InvalidInput("the folder '" + shown_.string() +
                       "' has changed meanwhile and can no longer be replaced as a whole; try "
                       "again or choose another output folder");
  }
  // If permitted: a folder that root replaces keeps its owner.
  [[maybe_unused]] const int ignored = ::fchown(partial_.descriptor(), old.st_uid, old.st_gid);
  if (::fchmod(partial_.descriptor(), old.st_mode & 07777) != 0) {
    throw FileError("replace", shown_, errno);
  }
  sync_folder(partial_.path(), shown_);
  const Swap swap = swap_folders(partial_.path(), folder_, shown_);
  if (swap == Swap::exchanged) {
    // Files that others have written to the old folder since its files were linked.
    bring_latest_files();
  }
  return swap != Swap::target_is_gone;
}

}  // namespace thinset
