// SPDX-License-Identifier: Apache-2.0
#include "module.hpp"

#include <danaus/core/error.hpp>
#include <danaus/version.hpp>

#include "table.hpp"

namespace danaus::bindings {

std::string dtype_name(nb::dlpack::dtype type) {
  if (type.lanes != 1) return "a vector type";
  const std::string width = std::to_string(type.bits);
  switch (static_cast<nb::dlpack::dtype_code>(type.code)) {
    case nb::dlpack::dtype_code::Float:
      return "float" + width;
    case nb::dlpack::dtype_code::Int:
      return "int" + width;
    case nb::dlpack::dtype_code::UInt:
      return "uint" + width;
    case nb::dlpack::dtype_code::Complex:
      return "complex" + width;
    case nb::dlpack::dtype_code::Bool:
      return "bool";
    case nb::dlpack::dtype_code::Bfloat:
      return "bfloat" + width;
    default:
      return "another type";
  }
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

void wrong_shape(const char* where, const char* what, const std::string& wanted, const std::vector<std::size_t>& got) {
  throw nb::value_error(
      (std::string(where) + ": " + what + " must have shape " + wanted + ", has " + shape_text(got)).c_str());
}

void expect_shape(const char* where, const char* what, const std::vector<std::size_t>& got,
                  const std::vector<std::size_t>& wanted) {
  if (got != wanted) wrong_shape(where, what, shape_text(wanted), got);
}

void copy_strided(const Array& from, std::size_t element, std::byte* to) {
  const std::size_t rank = from.ndim();
  const auto* const base = static_cast<const std::byte*>(from.data());
  std::vector<std::size_t> index(rank, 0);
  for (std::size_t done = 0; done < from.size(); ++done) {
    std::int64_t offset = 0;
    for (std::size_t r = 0; r < rank; ++r) offset += static_cast<std::int64_t>(index[r]) * from.stride(r);
    std::memcpy(to + done * element, base + offset * static_cast<std::int64_t>(element), element);
    for (std::size_t r = rank; r-- > 0;) {
      if (++index[r] < from.shape(r)) break;
      index[r] = 0;
    }
  }
}

}  // namespace danaus::bindings

NB_MODULE(_core, m) {
  namespace nb = nanobind;
  nb::register_exception_translator([](const std::exception_ptr& error, void*) {
    try {
      std::rethrow_exception(error);
    } catch (const danaus::Error& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    } catch (const danaus::FileError& e) {
      PyErr_SetString(PyExc_OSError, e.what());
    }
  });
  m.doc() = "The compiled part of danaus. Private: use the modules of the package.";
  m.attr("version") = std::to_string(DANAUS_VERSION_MAJOR) + "." + std::to_string(DANAUS_VERSION_MINOR) + "." +
                      std::to_string(DANAUS_VERSION_PATCH);
  m.def("isa", [] { return danaus::kernels().isa; }, "The instruction set in use.");
  danaus::bindings::bind_convolution(m);
  danaus::bindings::bind_fourier(m);
  danaus::bindings::bind_ssm(m);
  danaus::bindings::bind_gradient(m);
  danaus::bindings::bind_gradient_recurrent(m);
  danaus::bindings::bind_dplr(m);
  danaus::bindings::bind_mimo(m);
  danaus::bindings::bind_hippo(m);
  danaus::bindings::bind_hippo_systems(m);
  danaus::bindings::bind_window(m);
  danaus::bindings::bind_convert(m);
  danaus::bindings::bind_reduce(m);
  danaus::bindings::bind_transfer(m);
  danaus::bindings::bind_transfer_kernel(m);
  danaus::bindings::bind_evaluate(m);
  danaus::bindings::bind_simplex(m);
  danaus::bindings::bind_model(m);
  danaus::bindings::bind_monarch(m);
}
