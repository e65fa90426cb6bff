// Temporary names beside a target, and leftovers of dead processes under such names.
//
// The protocol, shared with thinset's Python side: the unfinished output for a target is named
// `.NAME.RANDOM.partial`, where NAME is the target's name (its first 200 bytes: a longer one would
// not fit) and RANDOM is 6 to 8 characters of [A-Za-z0-9_]. The writer holds an exclusive flock on
// it (for a folder, on the folder's descriptor) while it runs. A partial that another process can
// lock is therefore a leftover.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace thinset {

constexpr std::string_view partial_suffix = ".partial";
// The suffix of an old folder that is moved aside if the system cannot exchange two folders.
constexpr std::string_view replaced_suffix = ".replaced";

// The folder that contains, or will contain, a target.
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
// process holds; it is locked meanwhile. Reports no failure: inaccessible files are skipped.
void for_each_leftover(const std::filesystem::path& place, const std::filesystem::path& target,
                       std::string_view suffix,
                       const std::function<void(const std::filesystem::path&)>& action);

// Removes the partial files and folders of dead processes for the target.
void remove_leftovers(const std::filesystem::path& place, const std::filesystem::path& target);

}  // namespace thinset
