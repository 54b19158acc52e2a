// How --help looks: 80 columns, options grouped by what they are about, examples last.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace resnet::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
};

}  // namespace resnet::cli
