"""The command line: ``minivae train``, ``evaluate``, ``sample``, ``reconstruct``, ...

This file turns errors into one line and exit codes; `minivae.app.parser` reads arguments, and the
other modules of `minivae.app` do the work.
"""

import os
import sys
from collections.abc import Sequence

from minivae.app import streams
from minivae.app.parser import build_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        The arguments; default ``sys.argv[1:]``.

    Returns
    -------
    exit_code : int
        0, or 1 for a failed gradient check, 2 for an error, 130 after Ctrl-C, 143 after SIGTERM.
        (Wrong arguments exit with 2 at once, as argparse does.)
    """
    streams.open_all()
    parser = build_parser()
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if arguments.command is None:
        parser.print_help()
        return streams.finish_output()
    try:
        from minivae.app import commands

        with streams.one_line_warnings(f"minivae {arguments.command}"):
            code = commands.run(arguments) or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output has gone, as in `minivae info | head -1`
        streams.abandon(sys.stdout)
        return streams.EXIT_ERROR
    except KeyboardInterrupt as error:
        streams.complain(f"minivae {arguments.command}: interrupted")
        return 128 + getattr(error, "signum", 2)
    except (ValueError, OSError, ArithmeticError, MemoryError) as error:
        if os.environ.get("MINIVAE_TRACEBACK"):  # for developers
            raise
        streams.complain(f"minivae {arguments.command}: error: {streams.one_line(error)}")
        streams.finish(sys.stdout)
        return streams.EXIT_ERROR


if __name__ == "__main__":
    sys.exit(main())
