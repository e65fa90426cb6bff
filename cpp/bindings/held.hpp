// An object of the core that lives as long as a Python object.
#pragma once

#include <pybind11/pybind11.h>

#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "thinset/error.hpp"

namespace thinset::bindings {

template <class Value>
class Held {
 public:
  explicit Held(std::unique_ptr<Value> value) : value_(std::move(value)) {}

  // pybind11 uses this to allocate an object that is made without __init__, and does not construct
  // it. Zeros make it empty, which raises an exception instead of crashing.
  static void* operator new(std::size_t size) {
    void* memory = ::operator new(size);
    std::memset(memory, 0, size);
    return memory;
  }
  static void* operator new(std::size_t /*size*/, void* place) { return place; }
  static void operator delete(void* memory) { ::operator delete(memory); }

  // For calls that change nothing.
  [[nodiscard]] const Value& value() const {
    check();
    return *value_;
  }

  // change(value) may release the GIL: meanwhile no other call is accepted. If it fails halfway,
  // the state is unknown, and the object refuses all later calls.
  template <class Change>
  auto change(const Change& change) {
    check();
    const Use use(is_in_use_);
    try {
      return change(*value_);
    } catch (...) {
      value_.reset();
      throw;
    }
  }

 private:
  struct Use {
    explicit Use(bool& flag) : is_in_use(flag) { is_in_use = true; }
    ~Use() { is_in_use = false; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    bool& is_in_use;
  };

  void check() const {
    if (is_in_use_) {
      throw InvalidInput("another call uses this object; wait until it returns");
    }
    if (value_ == nullptr) {
      throw InvalidInput(
          "this object was not initialised, or an earlier call failed halfway; make "
          "a new one");
    }
  }

  std::unique_ptr<Value> value_;
  bool is_in_use_ = false;  // written while the GIL is held
};

}  // namespace thinset::bindings
