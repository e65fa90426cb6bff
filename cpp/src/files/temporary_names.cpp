#include "files/temporary_names.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include "files/descriptor.hpp"
#include "files/file_kind.hpp"
#include "files/folder_entries.hpp"
#include "thinset/random.hpp"

namespace thinset {

namespace {

constexpr std::size_t max_name_bytes = 200;
constexpr std::size_t min_random = 6;
constexpr std::size_t max_random = 8;
constexpr std::string_view letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

std::string prefix_of(const std::filesystem::path& target) {
  std::string prefix(".");
  prefix += target.filename().string().substr(0, max_name_bytes);
  return prefix += '.';
}

bool is_temporary_name(std::string_view name, std::string_view prefix, std::string_view suffix) {
  if (name.size() < prefix.size() + suffix.size() || !name.starts_with(prefix) ||
      !name.ends_with(suffix)) {
    return false;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return name.size() >= min_random && name.size() <= max_random &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

}  // namespace

std::filesystem::path parent_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

std::filesystem::path temporary_name(const std::filesystem::path& place,
                                     const std::filesystem::path& target, std::string_view suffix) {
  // Only needs to differ from other processes and calls, because files are created with O_EXCL.
  static std::atomic<std::uint64_t> calls{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  Random random(static_cast<std::uint64_t>(now) ^ static_cast<std::uint64_t>(::getpid()) << 40 ^
                calls.fetch_add(1) << 56);
  std::string name = prefix_of(target);
  for (std::size_t i = 0; i < max_random; ++i) {
    name += letters[random.below(letters.size())];
  }
  name += suffix;
  return place / name;
}

Lock try_to_lock(int descriptor) noexcept {
  int result = 0;
  do {
    result = ::flock(descriptor, LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) {
    return Lock::taken;
  }
  return errno == EWOULDBLOCK ? Lock::held_by_another : Lock::not_supported;
}

bool is_name_of(const std::filesystem::path& path, int descriptor) noexcept {
  struct stat named{};
  struct stat open{};
  return ::lstat(path.c_str(), &named) == 0 && ::fstat(descriptor, &open) == 0 &&
         is_same_file(named, open);
}

void for_each_leftover(const std::filesystem::path& place, const std::filesystem::path& target,
                       std::string_view suffix,
                       const std::function<void(const std::filesystem::path&)>& action) {
  const std::string prefix = prefix_of(target);
  for_each_name(place, [&](const char* name) {
    if (!is_temporary_name(name, prefix, suffix)) {
      return true;
    }
    const std::filesystem::path path = place / name;
    const Descriptor file = open_descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    struct stat status{};
    if (file.is_open() && ::fstat(file.number(), &status) == 0 &&
        (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
        try_to_lock(file.number()) == Lock::taken && is_name_of(path, file.number())) {
      action(path);
    }
    return true;
  });
}

void remove_leftovers(const std::filesystem::path& place, const std::filesystem::path& target) {
  for_each_leftover(place, target, partial_suffix, remove_quietly);
}

}  // namespace thinset
