#include "thinset/mapped_file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "thinset/descriptor.hpp"
#include "thinset/error.hpp"

namespace thinset {

MappedFile::MappedFile(const std::filesystem::path& path) {
  // The mapping outlives the descriptor.
  const Descriptor file = open_regular_file(path);
  struct stat status{};
  if (::fstat(file.number(), &status) != 0) {
    throw FileError("read", path, errno);
  }
  if (status.st_size > 0) {
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
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace thinset
