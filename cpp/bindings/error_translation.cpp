#include <cerrno>
#include <filesystem>

#include "bindings.hpp"
#include "thinset/error.hpp"

namespace py = pybind11;

namespace thinset::bindings {

namespace {

// A message may contain a file name, which may be any bytes; decoded as Python decodes file names.
void set_error(PyObject* type, const char* message) {
  PyObject* text = PyUnicode_DecodeFSDefault(message);
  if (text != nullptr) {
    PyErr_SetObject(type, text);
    Py_DECREF(text);
  }
}

}  // namespace

void translate_errors(py::module_& module) {
  // Kept for the life of the process: a translator may not own Python objects.
  static PyObject* format_error =
      py::exception<FormatError>(module, "FormatError", PyExc_ValueError).release().ptr();
  py::handle(format_error).attr("__doc__") =
      "A file is truncated, damaged or of an unknown format.";

  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) {
        std::rethrow_exception(pointer);
      }
    } catch (const FormatError& error) {
      set_error(format_error, error.what());
    } catch (const InvalidInput& error) {
      set_error(PyExc_ValueError, error.what());
    } catch (const FileError& error) {
      // OSError(errno, message, file) becomes FileNotFoundError, PermissionError, ... by itself.
      errno = error.code();
      PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path().c_str());
    } catch (const Interrupted&) {
      // The signal's own exception (KeyboardInterrupt) is already set.
      if (PyErr_Occurred() == nullptr) {
        PyErr_SetNone(PyExc_KeyboardInterrupt);
      }
    }
  });
}

}  // namespace thinset::bindings
