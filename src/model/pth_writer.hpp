// Writes the zip form of .pth (pth_reader.hpp): a pure state_dict that torch.load reads, also with
// weights_only=True, and that load_state_dict(strict=True) accepts. Labels, head and preprocessing go
// into <top>/resnet.json, an entry that torch.load never opens.
#pragma once

#include <filesystem>

#include <resnet/model.hpp>

namespace resnet::formats {

void write_pth(const Model& model, const std::filesystem::path& path, const SaveObserver& observer);

}  // namespace resnet::formats
