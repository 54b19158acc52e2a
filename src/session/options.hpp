// Turning what a caller asked for into what a Session does.
#pragma once

#include "session/backend_table.hpp"

#include <resnet/model.hpp>
#include <resnet/session.hpp>

namespace resnet {

// `options` with every default replaced, for `backend`: device, backend, isa, threads, end, height,
// width. Throws Error{invalid_argument} naming the option that is out of range, device_unavailable for
// an instruction set that is not there.
SessionOptions resolve_options(const Model& model, SessionOptions options, const Backend& backend);

}  // namespace resnet
