#include "arrays_read.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "thinset/error.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

// The bytes between the first and the last element, both included.
std::span<const std::byte> extent_of(const py::array& array) {
  if (array.size() == 0) {
    return {};
  }
  const auto* begin = static_cast<const std::byte*>(array.data());
  const std::byte* end = begin + array.itemsize();
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    const py::ssize_t reach = (array.shape(axis) - 1) * array.strides(axis);
    (reach < 0 ? begin : end) += reach;
  }
  return {begin, end};
}

bool is_mmap(const py::object& object) {
  // A mapping can only come from a module that is already loaded.
  const py::dict modules = py::module_::import("sys").attr("modules");
  return modules.contains("mmap") &&
         py::isinstance(object, py::object(modules["mmap"]).attr("mmap"));
}

std::string quoted(const std::string& name) {
  std::string text = "'";
  return text.append(name).append("'");
}

// The owner of an array's bytes, found through its chain of bases.
struct Origin {
  py::object owner;    // our capsule, an mmap.mmap, or the end of the chain
  py::object topmost;  // the array directly above it
  std::string name;    // of the file, quoted; empty if unknown
};

Origin origin_of(const py::array& array) {
  Origin origin;
  py::object object = array;
  while (py::isinstance<py::array>(object)) {
    const py::object file_name = py::getattr(object, "filename", py::none());
    if (!file_name.is_none()) {
      origin.name = quoted(py::str(file_name));
    }
    origin.topmost = object;
    object = object.attr("base");
    while (PyMemoryView_Check(object.ptr())) {
      object = object.attr("obj");
    }
  }
  origin.owner = object;
  return origin;
}

// The length of the file under an mmap.mmap; empty if there is none or it is unknown.
std::optional<std::uint64_t> length_of_file(const py::object& mapping) {
  try {
    return mapping.attr("size")().cast<std::uint64_t>();
  } catch (const py::error_already_set&) {
    return std::nullopt;
  }
}

// The bytes that the file of a mapping must have for the whole array. A plain array over an
// mmap.mmap does not know its offset in the file.
std::uint64_t bytes_needed(const Origin& origin) {
  const py::object offset = py::getattr(origin.topmost, "offset", py::none());
  if (!offset.is_none()) {
    return (offset + origin.topmost.attr("nbytes")).cast<std::uint64_t>();
  }
  return py::len(origin.owner);
}

// Every existing mmap.mmap with pages that were replaced by zeros.
py::object broken_mappings() {
  static PyObject* set = nullptr;
  if (set == nullptr) {
    set = py::module_::import("weakref").attr("WeakSet")().release().ptr();
  }
  return py::reinterpret_borrow<py::object>(set);
}

[[noreturn]] void refuse(const std::string& name, const std::string& lengths) {
  throw FormatError(name + " became shorter while it was read" + lengths);
}

}  // namespace

void ArraysRead::add(const py::array& array, const char* what) {
  if (array.owndata() || array.size() == 0) {
    return;  // not mapped
  }
  const Origin origin = origin_of(array);
  Source source{origin.name.empty() ? "the file that the " + std::string(what) + " are mapped from"
                                    : origin.name,
                {{}, {}},
                nullptr,
                {},
                0};
  if (PyCapsule_IsValid(origin.owner.ptr(), MappedArray::capsule_name) != 0) {
    source.file = static_cast<MappedArray*>(
        PyCapsule_GetPointer(origin.owner.ptr(), MappedArray::capsule_name));
    source.name = quoted(source.file->array.path().string());
  } else if (is_mmap(origin.owner)) {
    source.mapping = origin.owner;
    source.n_bytes = bytes_needed(origin);
  }
  source.guard = MappingGuard(extent_of(array), source.name);
  sources_.push_back(std::move(source));
}

void ArraysRead::add(const Embeddings& embeddings, const char* what) {
  if (const auto* array = std::get_if<py::array>(&embeddings)) {
    add(*array, what);
    return;
  }
  for (const py::array& array : std::get<std::vector<py::array>>(embeddings)) {
    add(array, what);
  }
}

void ArraysRead::watch(Job& job) const {
  for (const Source& source : sources_) {
    job.watch(source.guard);
  }
}

// The zeros stay in the mapping, so they must be recorded for later calls.
void ArraysRead::note_missing_pages(Source& source) {
  if (!source.guard.is_broken()) {
    return;
  }
  if (source.file != nullptr) {
    source.file->is_broken = true;
  } else if (source.mapping) {
    broken_mappings().attr("add")(source.mapping);
  }
}

void ArraysRead::check() {
  std::ranges::for_each(sources_, note_missing_pages);
  for (const Source& source : sources_) {
    if (source.file != nullptr) {
      source.file->array.file().check_length();
    } else if (source.mapping) {
      const std::optional<std::uint64_t> length = length_of_file(source.mapping);
      if (length && *length < source.n_bytes) {
        refuse(source.name, ": it has " + std::to_string(*length) + " bytes of the " +
                                std::to_string(source.n_bytes) + " that are mapped");
      }
    }
    const bool is_broken = source.guard.is_broken() ||
                           (source.file != nullptr && source.file->is_broken) ||
                           (source.mapping && broken_mappings().contains(source.mapping));
    if (is_broken) {
      refuse(source.name, ", or the disk failed; open it again");
    }
  }
}

}  // namespace thinset::bindings
