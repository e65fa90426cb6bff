// Temporary names beside a target, and what dead processes leave under such names.
//
// The protocol, which thinset's Python side follows as well: what is being made for a target is
// called `.NAME.RANDOM.partial`, where NAME is the target's name (its first 200 bytes: a longer one
// would not fit) and RANDOM is 6 to 8 characters of [A-Za-z0-9_]. The maker holds an exclusive
// flock on it, on a folder's descriptor for a folder, for as long as it lives. A partial that
// another process can lock is therefore a leftover.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace thinset {

constexpr std::string_view partial_suffix = ".partial";
// An old folder that is moved aside where the system cannot exchange two folders.
constexpr std::string_view replaced_suffix = ".replaced";

// The folder that a target is, or will be, in.
std::filesystem::path parent_of(const std::filesystem::path& target);

// A new name in `place` for the target: different at every call.
std::filesystem::path temporary_name(const std::filesystem::path& place,
                                     const std::filesystem::path& target, std::string_view suffix);

enum class Lock { taken, held_by_another, not_supported };
// Does not wait.
Lock try_to_lock(int descriptor) noexcept;
// Whether `path` is the file that is open as `descriptor`.
bool is_name_of(const std::filesystem::path& path, int descriptor) noexcept;

// Calls action(path) for every temporary file and folder of the target in `place` that no living
// process holds; it is locked meanwhile. Reports no failure: what cannot be looked at stays.
void for_each_leftover(const std::filesystem::path& place, const std::filesystem::path& target,
                       std::string_view suffix,
                       const std::function<void(const std::filesystem::path&)>& action);

// Removes the partial files and folders that dead processes have left for the target.
void remove_leftovers(const std::filesystem::path& place, const std::filesystem::path& target);

}  // namespace thinset
