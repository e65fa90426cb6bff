#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

#include "check.hpp"
#include "files/descriptor.hpp"
#include "sample_data.hpp"
#include "thinset/error.hpp"
#include "thinset/output_checks.hpp"
#include "thinset/output_folder.hpp"

using namespace thinset;

namespace {

namespace fs = std::filesystem;

void put(const fs::path& path, const std::string& content) { std::ofstream(path) << content; }

std::string content_of(const fs::path& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

// What a folder holds: a file's content, a link's target after "-> ", "/" for a folder.
std::map<std::string, std::string> listing(const fs::path& folder) {
  std::map<std::string, std::string> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (entry.is_symlink()) {
      entries[name] = "-> " + fs::read_symlink(entry.path()).string();
    } else {
      entries[name] = entry.is_directory() ? "/" : content_of(entry.path());
    }
  }
  return entries;
}

void write(OutputFile& file, const std::string& content) {
  file.write_at(0, std::as_bytes(std::span(content)));
  file.commit();
}

void write(OutputFolder& folder, const std::string& content) {
  for (const char* name : {"a", "b"}) {
    OutputFile file = folder.create(name);
    write(file, content);
  }
}

using Listing = std::map<std::string, std::string>;

// The current folder for the length of a scope.
class Inside {
 public:
  explicit Inside(const fs::path& folder) : before_(fs::current_path()) {
    fs::current_path(folder);
  }
  ~Inside() { fs::current_path(before_); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  fs::path before_;
};

std::string refusal_of(const fs::path& folder) {
  return check::message_of<InvalidInput>([&] { OutputFolder refused(folder, {"a", "b"}); });
}

}  // namespace

TEST(a_file_appears_at_its_commit_alone) {
  const sample::Folder folder;
  put(folder / "x", "old");
  {
    OutputFile file(folder / "x");
    file.write_at(0, std::as_bytes(std::span("new", 3)));
    CHECK(content_of(folder / "x") == "old");
    CHECK(folder.n_entries() == 2);
  }
  CHECK((listing(folder / "") == Listing{{"x", "old"}}));
  OutputFile file(folder / "x");
  write(file, "new");
  CHECK((listing(folder / "") == Listing{{"x", "new"}}));
}

TEST(a_link_is_replaced_and_what_it_leads_to_stays) {
  const sample::Folder folder;
  put(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  fs::create_symlink("nothing", folder / "dangling");
  for (const char* name : {"link", "dangling"}) {
    OutputFile file(folder / name);
    write(file, "new");
  }
  CHECK((listing(folder / "") == Listing{{"real", "old"}, {"link", "new"}, {"dangling", "new"}}));
}

TEST(names_of_255_bytes_have_room_for_a_partial_file) {
  const sample::Folder folder;
  const std::string name(255, 'n');
  OutputFile file(folder / name);
  write(file, "new");
  CHECK(content_of(folder / name) == "new");
}

TEST(what_is_no_regular_file_is_never_replaced) {
  const sample::Folder folder;
  fs::create_directory(folder / "folder");
  ::mkfifo((folder / "fifo").c_str(), 0600);
  fs::create_symlink("fifo", folder / "link");
  const std::map<std::string, std::string> kinds = {
      {folder / "folder", "is a folder"},
      {folder / "fifo", "is a FIFO"},
      {folder / "link", "is a FIFO"},
      {"/dev/null", "is a device"},
  };
  for (const auto& [path, kind] : kinds) {
    const std::string message = check::message_of<InvalidInput>([&] { OutputFile refused(path); });
    CHECK(check::contains(message, kind));
  }
  CHECK(folder.n_entries() == 3);
}

TEST(what_is_no_regular_file_is_not_read) {
  const sample::Folder folder;
  ::mkfifo((folder / "fifo").c_str(), 0600);
  for (const std::string& path : {(folder / "fifo").string(), std::string("/dev/zero")}) {
    CHECK(check::contains(
        check::message_of<InvalidInput>([&] { (void)open_regular_file(path).is_open(); }),
        "a regular file is needed"));
  }
  CHECK(check::contains(
      check::message_of<FileError>([&] { (void)open_regular_file(folder / "").is_open(); }),
      "Is a directory"));
}

TEST(leftovers_of_the_dead_go_and_those_of_the_living_stay) {
  const sample::Folder folder;
  put(folder / ".x.abcd12.partial", "dead");
  put(folder / ".x.abcdefgh.partial", "locked");
  fs::create_directories(folder / ".x.dead_999.partial" / "deep" / "deeper");
  fs::create_symlink("/", folder / ".x.dead_999.partial" / "link");
  const Listing not_temporary = {
      {".x.short.partial", "five characters"}, {".x.abcdefghi.partial", "nine"},
      {".x.abc-ef.partial", "a dash"},         {".y.abcdef.partial", "of another target"},
      {".x.abcdef.partial.npy", "a suffix"},   {"x.abcdef.partial", "no dot"},
  };
  for (const auto& [name, content] : not_temporary) {
    put(folder / name, content);
  }
  const Descriptor holder(::open((folder / ".x.abcdefgh.partial").c_str(), O_RDONLY));
  CHECK(::flock(holder.number(), LOCK_EX) == 0);
  OutputFile file(folder / "x");
  write(file, "new");
  Listing expected = not_temporary;
  expected["x"] = "new";
  expected[".x.abcdefgh.partial"] = "locked";
  CHECK(listing(folder / "") == expected);
}

TEST(a_partial_file_is_locked_while_it_is_written) {
  const sample::Folder folder;
  const OutputFile first(folder / "x");
  const OutputFile second(folder / "x");
  CHECK(folder.n_entries() == 2);
}

TEST(a_new_folder_appears_with_all_its_files) {
  const sample::Folder folder;
  {
    OutputFolder out(folder / "deep/er/out", {"a", "b"});
    write(out, "new");
    CHECK(!fs::exists(folder / "deep/er/out"));
    out.commit();
  }
  CHECK((listing(folder / "deep/er/out") == Listing{{"a", "new"}, {"b", "new"}}));
  CHECK(listing(folder / "deep/er").size() == 1);
  {
    const OutputFolder dropped(folder / "other/out", {"a", "b"});
  }
  CHECK(!fs::exists(folder / "other"));
}

TEST(an_old_folder_is_replaced_and_keeps_its_other_files_and_rights) {
  const sample::Folder folder;
  fs::create_directory(folder / "out");
  put(folder / "out/a", "old");
  put(folder / "out/notes", "mine");
  fs::create_symlink("../elsewhere", folder / "out/link");
  ::chmod((folder / "out").c_str(), 02750);
  const Listing before = listing(folder / "out");
  {
    OutputFolder out(folder / "out/", {"a", "b"});
    write(out, "new");
    CHECK(listing(folder / "out") == before);
  }
  CHECK(listing(folder / "out") == before);
  CHECK(folder.n_entries() == 1);
  OutputFolder out(folder / "out", {"a", "b"});
  write(out, "new");
  // Written while the work went on.
  put(folder / "out/late", "later");
  out.commit();
  const Listing after = {{"a", "new"},
                         {"b", "new"},
                         {"notes", "mine"},
                         {"link", "-> ../elsewhere"},
                         {"late", "later"}};
  CHECK(listing(folder / "out") == after);
  struct stat status{};
  CHECK(::stat((folder / "out").c_str(), &status) == 0 && (status.st_mode & 07777) == 02750);
  CHECK(folder.n_entries() == 1);
}

TEST(a_link_to_a_folder_stays_a_link) {
  const sample::Folder folder;
  fs::create_directory(folder / "real");
  put(folder / "real/a", "old");
  fs::create_symlink("real", folder / "out");
  OutputFolder out(folder / "out", {"a", "b"});
  write(out, "new");
  out.commit();
  CHECK((listing(folder / "real") == Listing{{"a", "new"}, {"b", "new"}}));
  CHECK(fs::is_symlink(folder / "out"));
}

TEST(of_two_at_once_one_is_there_complete) {
  const sample::Folder folder;
  fs::create_directory(folder / "old");
  put(folder / "old/a", "old");
  for (const char* name : {"old", "new"}) {
    OutputFolder first(folder / name, {"a", "b"});
    OutputFolder second(folder / name, {"a", "b"});
    write(first, "first");
    write(second, "second");
    second.commit();
    first.commit();
    CHECK((listing(folder / name) == Listing{{"a", "first"}, {"b", "first"}}));
  }
  CHECK(folder.n_entries() == 2);
}

TEST(the_current_folder_and_one_with_folders_get_their_files_one_by_one) {
  const sample::Folder folder;
  fs::create_directories(folder / "out/sub");
  fs::create_directory(folder / "here");
  put(folder / "here/notes", "mine");
  const Inside here(folder / "here");
  for (const char* name : {".", "../out", "../out/sub/.."}) {
    OutputFolder out(name, {"a", "b"});
    write(out, "new");
    CHECK(!fs::exists(fs::path(name) / "a"));
    out.commit();
    CHECK(content_of(fs::path(name) / "a") == "new" && content_of(fs::path(name) / "b") == "new");
    // Once they are there, they cannot be replaced together.
    CHECK(check::contains(refusal_of(name), "cannot be replaced as a whole, because"));
    fs::remove(fs::path(name) / "a");
    CHECK(check::contains(refusal_of(name), "holds 'b' already"));
    fs::remove(fs::path(name) / "b");
  }
  CHECK((listing(".") == Listing{{"notes", "mine"}}));
  CHECK((listing("../out") == Listing{{"sub", "/"}}));
}

TEST(what_is_no_folder_is_not_replaced_by_one) {
  const sample::Folder folder;
  put(folder / "file", "mine");
  fs::create_symlink("nothing", folder / "dangling");
  CHECK(check::contains(refusal_of(folder / "file"), "is a regular file"));
  CHECK(check::contains(refusal_of(folder / "dangling"), "is a symbolic link"));
  CHECK(content_of(folder / "file") == "mine");
}

TEST(a_folder_moved_aside_by_a_killed_process_comes_back) {
  const sample::Folder folder;
  fs::create_directory(folder / ".out.abcd1234.replaced");
  put(folder / ".out.abcd1234.replaced/a", "old");
  {
    const OutputFolder dropped(folder / "out", {"a", "b"});
  }
  CHECK((listing(folder / "out") == Listing{{"a", "old"}}));
  // With the folder in its place, it is the remains of a replacement that was done.
  fs::create_directory(folder / ".out.abcd1234.replaced");
  {
    const OutputFolder dropped(folder / "out", {"a", "b"});
  }
  CHECK(folder.n_entries() == 1);
}

TEST(an_output_may_not_be_an_input_by_any_name) {
  const sample::Folder folder;
  put(folder / "in", "x");
  fs::create_hard_link(folder / "in", folder / "hard");
  fs::create_symlink("in", folder / "soft");
  fs::create_directory(folder / "sub");
  const Inside here(folder / "sub");
  const std::vector<fs::path> inputs = {folder / "gone", folder / "in"};
  for (const fs::path& output :
       {folder / "in", folder / "hard", folder / "soft", fs::path("../in"), folder / "sub/../in"}) {
    CHECK(check::contains(check::message_of<InvalidInput>([&] { check_output(output, inputs); }),
                          "the output must not be the input"));
  }
  check_output(folder / "new", inputs);
  // However many links lead to what a process has open.
  fs::create_symlink("/proc/self/fd/0", folder / "open");
  fs::create_symlink("open", folder / "link");
  for (const char* name : {"open", "link"}) {
    CHECK(check::contains(
        check::message_of<InvalidInput>([&] { check_output(folder / name, inputs); }),
        "a file that a process has open"));
  }
  CHECK(folder.n_entries() == 6);
}

TEST_MAIN
