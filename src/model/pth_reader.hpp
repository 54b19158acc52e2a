// PyTorch's .pth: what torch.save(model.state_dict(), path) writes.
//
// Since PyTorch 1.6 a zip archive:  <top>/data.pkl      the dictionary as a pickle, tensors as references
//                                   <top>/data/<key>    the bytes of one storage, little-endian
//                                   <top>/byteorder, <top>/version, …
//                                   <top>/resnet.json   ours: labels, head, preprocessing (optional)
// Before that ("legacy") five pickles in a row (a magic number, the version, the machine, the dictionary,
// the storage keys), then for every storage its number of elements and its bytes.
//
// A checkpoint may hold the state_dict under "state_dict", "model", "model_state_dict" or "model_ema",
// and its names may all start with "module." (DataParallel) or "_orig_mod." (torch.compile).
#pragma once

#include "model/file_view.hpp"
#include "model/raw_model.hpp"

namespace resnet::formats {

bool is_zip(const FileView& file);
bool is_legacy_pth(const FileView& file);

// Throw Error: truncated, bad_format, unsupported, unsafe, too_large. Tensors are views of `file`.
RawModel read_pth(const FileView& file);
RawModel read_legacy_pth(const FileView& file);

}  // namespace resnet::formats
