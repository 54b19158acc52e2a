#include "help_formatter.hpp"

#include "text.hpp"

namespace resnet::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kDescriptionColumn = 28;

std::string paragraph(const std::string& text) {
  std::string result;
  for (const std::string& line : wrap(text, kColumns)) result += line + '\n';
  return result;
}

// "  --threads N                description, wrapped under itself"
std::string entry(const std::string& name, const std::string& description) {
  std::string text = "  " + name;
  const std::string indent(kDescriptionColumn, ' ');
  const std::size_t width = characters(text);
  text += width + 2 > kDescriptionColumn ? "\n" + indent : std::string(kDescriptionColumn - width, ' ');
  bool first = true;
  for (const std::string& line : wrap(description, kColumns - kDescriptionColumn)) {
    if (!first) text += indent;
    text += line + '\n';
    first = false;
  }
  return text;
}

std::string option_entry(const CLI::Option& option) {
  std::string name;
  if (option.get_positional()) {
    name = option.get_name(true);
  } else {
    name = option.get_name(false, true);
    const std::size_t comma = name.find(',');
    if (comma != std::string::npos) name.insert(comma + 1, " ");
    if (option.get_type_size() != 0 && !option.get_type_name().empty()) name += ' ' + option.get_type_name();
  }
  std::string description = option.get_description();
  if (option.nonpositional() && option.get_required()) description += " (required)";
  return entry(name, description);
}

std::string usage(const CLI::App& app, const std::string& name) {
  std::string text = "Usage: " + (name.empty() ? app.get_name() : name);
  if (app.get_require_subcommand_min() > 0) return text + " COMMAND [OPTIONS]\n";
  text += " [OPTIONS]";
  for (const CLI::Option* option :
       app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    std::string positional = option->get_name(true);
    if (option->get_expected_max() >= CLI::detail::expected_max_vector_size) positional += "...";
    text += ' ' + (option->get_required() ? positional : '[' + positional + ']');
  }
  return text + '\n';
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode) const {
  std::string text = paragraph(app->get_description() + ".") + '\n' + usage(*app, name);

  const auto positionals = app->get_options([](const CLI::Option* o) { return o->get_positional(); });
  if (!positionals.empty()) text += '\n';
  for (const CLI::Option* option : positionals) text += option_entry(*option);

  const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
  if (!commands.empty()) text += "\nCommands:\n";
  for (const CLI::App* command : commands) text += entry(command->get_name(), command->get_description());

  for (const std::string& group : app->get_groups()) {
    const auto options = app->get_options([&](const CLI::Option* o) {
      return !group.empty() && o->get_group() == group && !o->get_positional();
    });
    if (options.empty()) continue;
    text += '\n' + group + ":\n";
    for (const CLI::Option* option : options) text += option_entry(*option);
  }
  return text + '\n' + app->get_footer();
}

}  // namespace resnet::cli
