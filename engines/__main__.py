"""``python -m engines list | check RUN | run RUN | diagnose RUN``: the door of the engine process.

Exit code 0 on success and after a wanted stop, 2 on wrong input with one line on stderr, 1 on a failed
run. The events file of the run folder is the only channel; standard output and error are a log.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.registry import all_specs
from engines.core import execution


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, carry it out and return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # A reader of our log that goes away must not end a run of days.
    logging.raiseExceptions = False
    try:
        if options.command == "list":
            return _list(as_json=options.json)
        if options.command == "check":
            return _check(options.run)
        if options.command == "diagnose":
            return _diagnose(options.run, as_json=options.json)
        _enable_crash_report()
        return execution.execute(options.run)
    except InputError as error:
        _say(str(error), is_error=True)
        return execution.WRONG_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engines", description="Headless engines.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="print pipelines and their phases")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    for name, purpose in (
        ("check", "verify that a run folder can be started"),
        ("run", "carry out a run folder"),
        ("diagnose", "name what is wrong with a run, live or over"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("run", type=Path, metavar="RUN", help="run folder")
        if name == "diagnose":
            command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _list(*, as_json: bool) -> int:
    specs = all_specs()
    if as_json:
        pipelines = [
            {
                "key": spec.key,
                "title": spec.title,
                "summary": spec.summary,
                "phases": [{"key": phase.key, "title": phase.title} for phase in spec.phases],
            }
            for spec in specs
        ]
        _say(json.dumps({"pipelines": pipelines}, ensure_ascii=False, indent=2))
        return execution.FINISHED
    for spec in specs:
        _say(f"{spec.key}: {spec.title}")
        for phase in spec.phases:
            _say(f"  {phase.key}: {phase.title}")
    return execution.FINISHED


def _check(path: Path) -> int:
    run = execution.check(path)
    request = run.request
    what = " ".join(part for part in (request.pipeline, request.action, request.phase) if part)
    _say(f"{run.folder.id}: {what}, {len(run.manifest.items)} items, ready")
    return execution.FINISHED


def _diagnose(path: Path, *, as_json: bool) -> int:
    from engines.core import inspection

    report = inspection.inspect(path)
    _say(json.dumps(report.to_json(), ensure_ascii=False, indent=2) if as_json else report.to_text())
    return execution.FINISHED


def _enable_crash_report() -> None:
    """Have a crash inside a library print where Python was; the window reads it from the log."""
    try:
        faulthandler.enable()
    except (AttributeError, ValueError, OSError) as error:
        # Without a real standard error there is nothing to print to.
        logging.getLogger(__name__).info("No crash report: %s", error)


def _say(text: str, *, is_error: bool = False) -> None:
    try:
        print(text, file=sys.stderr if is_error else sys.stdout)
    except OSError:
        _abandon_output()


def _abandon_output() -> None:
    """Point both streams away after their reader is gone, else the interpreter fails while it exits."""
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            os.dup2(sink, stream.fileno())


def _leave(code: int) -> None:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        _abandon_output()
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
