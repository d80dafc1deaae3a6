"""The command ``danaus``.

>>> main(["--version"])  # doctest: +ELLIPSIS
danaus ...
0
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ._cli import terminal
from ._cli.errors import UserError, printable

__all__ = ["main"]

_DESCRIPTION = """\
Structured sequence models on the CPU, streamed sample by sample.
Without a command: the demonstration. It runs a trained model on 370 real utterances, whole and frame by frame,
remembers five minutes of heartbeat in a few hundred numbers, prints the figures and saves a picture.
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def _count(text: str) -> int:
    value = int(text) if text.lstrip("+").isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, is {text!r}")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"must be seconds, more than 0 and at most 3600, is {text!r}")
    return value


def _parser() -> argparse.ArgumentParser:
    """The whole grammar."""
    parser = _Parser(prog="danaus", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(run=_demo)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--cmake-dir", action="store_true", help="print the folder for CMAKE_PREFIX_PATH or danaus_DIR")
    parser.add_argument("--include-dir", action="store_true", help="print the folder of the C++ headers")
    parser.add_argument("-o", dest="out", type=Path, help="where to save the picture: .png (needs matplotlib) or .svg")
    parser.add_argument("--no-torch", action="store_true", help="leave out the comparison with PyTorch")
    parser.add_argument("--json", action="store_true", help="figures as JSON, and no picture unless -o is given")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    run = verbs.add_parser("run", help="run a model on a file or on what comes through a pipe")
    run.add_argument("model", metavar="MODEL", help="a model file, or the name of an embedded model")
    run.add_argument("input", metavar="INPUT", help=".wav, .npy or .csv file; - for standard input: 16-bit PCM or WAV")
    run.add_argument("--stream", action="store_true", help="bit by bit, with the answer so far every 100 ms")
    run.add_argument("--top", type=_count, default=5, metavar="K", help="how many labels to print (5)")
    run.add_argument("--threads", type=_count, default=1, metavar="N", help="threads for whole sequences (1)")
    run.add_argument("-o", dest="out", type=Path, metavar="FILE", help="save the outputs as .npy")
    run.set_defaults(run=_run)

    check = verbs.add_parser(
        "check", help="is a model stable, and does its stream agree with its batch? Exit code 1: no"
    )
    check.add_argument("model", metavar="MODEL", help="a model file, or the name of an embedded model")
    check.set_defaults(run=_check)

    info = verbs.add_parser("info", help="what is installed here, or what is in a model")
    info.add_argument("model", metavar="MODEL", nargs="?", help="a model file, or the name of an embedded model")
    info.set_defaults(run=_info)

    calibrate = verbs.add_parser(
        "calibrate", help="measure this machine, so that layers choose the fastest evaluation for it"
    )
    calibrate.add_argument("--seconds", type=_seconds, default=1.0, metavar="S", help="how long to measure (1)")
    calibrate.add_argument("--no-save", dest="save", action="store_false", help="only print what was measured")
    calibrate.set_defaults(run=_calibrate)
    for verb in (run, check, info, calibrate):
        verb.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    return parser


def _demo(options: argparse.Namespace) -> int:
    from ._cli.demo import demo

    return demo(options)


def _run(options: argparse.Namespace) -> int:
    from ._cli.run import run

    return run(options)


def _check(options: argparse.Namespace) -> int:
    from ._cli.info import check

    return check(options)


def _info(options: argparse.Namespace) -> int:
    from ._cli.info import info

    return info(options)


def _calibrate(options: argparse.Namespace) -> int:
    from ._cli.calibrate import calibrate

    return calibrate(options)


def _dispatch(arguments: Sequence[str] | None) -> int:
    """What was asked for; prints on standard output, raises on errors."""
    options = _parser().parse_args(arguments)
    if options.run is _demo and (options.version or options.cmake_dir or options.include_dir):
        from . import __version__
        from ._cli.info import folder

        if options.version:
            print(f"danaus {__version__}")
        if options.cmake_dir:
            print(folder("cmake"))
        if options.include_dir:
            print(folder("include"))
        return 0
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _words(error: Exception) -> str:
    """One line about an error of the library or of the system."""
    if isinstance(error, MemoryError):
        return f"not enough memory{f': {error}' if str(error) else ''}; cut the input into shorter pieces"
    if isinstance(error, OSError) and error.strerror:
        return f"{'cannot read or write' if error.filename is None else error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _nearest(error: FileNotFoundError) -> str:
    """Which embedded model may have been meant."""
    from . import embedded

    if error.filename is not None:  # an input, not a model
        return ""
    wanted = str(error).split("'")[1] if "'" in str(error) else ""
    near = difflib.get_close_matches(wanted, embedded(), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _quit(code: int) -> int:
    """Leaves standard output so that the interpreter has nothing to complain about at its end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: done; 1: ``check`` found a model unfit; 2: an error of use, told in one line; 130: interrupted.
    """
    terminal.prepare()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # nobody reads on, and that is fine
        return _quit(0)
    except KeyboardInterrupt:
        return _quit(130)
    except FileNotFoundError as error:
        message = _words(error) + _nearest(error)
    except (UserError, ValueError, TypeError, OSError, MemoryError) as error:
        message = _words(error)
    print(f"danaus: error: {printable(message)}", file=sys.stderr)
    return _quit(2)
