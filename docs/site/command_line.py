"""The page of the command line, as its parser describes itself."""

import argparse

EXIT_CODES = (
    "The exit code is 0, or 1 for a failed gradient check, 2 for an error, which is said in one "
    "line, 130 after Ctrl-C and 143 after SIGTERM."
)


def page(parser):
    """Return the page in Markdown.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        With subcommands.
    """
    (found,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    summaries = {choice.dest: choice.help for choice in found._choices_actions}
    lines = [
        "# The command line",
        "",
        parser.description,
        "",
        "| command | what |",
        "| --- | --- |",
    ]
    for name, command in found.choices.items():
        address = command.prog.replace(" ", "-")
        summary = summaries[name].replace("|", r"\|")
        lines.append(f"| [`{command.prog}`](#{address}) | {summary} |")
    lines += ["", f"`{parser.prog} --version` says which version it is. {EXIT_CODES}", ""]
    for command in found.choices.values():
        lines += section(command)
    return "\n".join(lines)


def section(command):
    """Return the section of one command."""
    lines = [f"## {command.prog}", "", command.description, ""]
    if command.epilog:
        lines += ["```sh", command.epilog.removeprefix("Example: "), "```", ""]
    lines += [f"```{{program}} {command.prog}", "```", ""]
    for group in command._action_groups:
        actions = [action for action in group._group_actions if action.dest != "help"]
        if actions and group.title not in ("positional arguments", "options"):
            lines += [f"**{group.title[0].upper()}{group.title[1:]}**", ""]
        for action in actions:
            lines += option(action)
    return lines


def option(action):
    """Return one argument as Sphinx describes options."""
    choices = "{" + ",".join(action.choices) + "}" if action.choices else None
    metavar = action.metavar or choices or action.dest.upper()
    takes = "" if action.nargs == 0 else f" {metavar}"
    spelled = ", ".join(name + takes for name in action.option_strings) or metavar
    return ["```{option} " + spelled, f"{action.help % vars(action)}.", "```", ""]
