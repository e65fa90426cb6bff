#include "thinset/mapped_file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <utility>

#include "files/descriptor.hpp"
#include "thinset/error.hpp"

namespace thinset {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  // The mapping outlives the descriptor.
  const Descriptor file = open_regular_file(path);
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) {
    throw FileError("read", path, errno);
  }
  if (status.st_size > 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
    size_ = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.number(), 0);
    if (address == MAP_FAILED) {
      throw FileError("map", path, errno);
    }
    data_ = static_cast<const std::byte*>(address);
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      device_(other.device_),
      inode_(other.inode_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappingGuard MappedFile::guard() const {
  std::string name = "'";
  name.append(path_.string()).append("'");
  return {bytes(), std::move(name)};
}

void MappedFile::check_length() const {
  struct stat status{};
  // Another file may now have this name; the mapping still refers to the old one.
  if (size_ > 0 && ::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_ && static_cast<std::uint64_t>(status.st_size) < size_) {
    throw FormatError("'" + path_.string() + "' became shorter while it was read: from " +
                      std::to_string(size_) + " bytes to " + std::to_string(status.st_size));
  }
}

}  // namespace thinset
