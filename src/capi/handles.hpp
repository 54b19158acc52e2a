// What the opaque handles of resnet.h hold, and the wall that no exception passes.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include <resnet/error.hpp>
#include <resnet/model.hpp>
#include <resnet/resnet.h>
#include <resnet/session.hpp>

// Made once, then only read. A session shares it, so that the caller may free its handle first.
struct resnet_model {
  std::shared_ptr<const resnet::Model> model;
  std::string architecture;
};

struct resnet_session {
  std::shared_ptr<const resnet::Model> model;
  resnet::Session session;
  std::string backend;
  std::string isa;
};

namespace resnet::capi {

resnet_status to_status(ErrorCode code) noexcept;

// Remembers the failure for resnet_last_error() on this thread and returns its status.
resnet_status remember(resnet_status status, const char* message) noexcept;

// Runs `body`; whatever it throws becomes a status.
template <class Body>
resnet_status guarded(Body&& body) noexcept {
  try {
    body();
    return RESNET_OK;
  } catch (const Error& error) {
    return remember(to_status(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return remember(RESNET_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return remember(RESNET_INTERNAL, error.what());
  } catch (...) {
    return remember(RESNET_INTERNAL, "unknown exception");
  }
}

// Throws Error{invalid_argument} where `pointer` is null.
void require(const void* pointer, const char* name);

}  // namespace resnet::capi
