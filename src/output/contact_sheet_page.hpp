// The fixed parts of the contact sheet's page.
#pragma once

namespace resnet {

extern const char kSheetStyle[];   // content of <style>
extern const char kSheetScript[];  // content of <script>

}  // namespace resnet
