"""The ``workstation`` command: the window without a sub-command, everything else with one.

Exit code 0 on success, 2 on wrong input with one clear line on stderr, 1 on a failed run or an
unexpected error, whose traceback goes into the log file.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from engines.contract.errors import InputError, WorkstationError
from workstation.command_line import (
    doctor_command,
    grade_commands,
    import_weights_command,
    leave_one_out_command,
    project_commands,
    register_command,
    relink_command,
    run_commands,
    sweep_command,
    thorax_command,
)
from workstation.command_line.output import complain, use_utf8
from workstation.project.exporters import FORMATS as EXPORT_FORMATS
from workstation.project.keypoint_formats import FORMATS as KEYPOINT_FORMATS
from workstation.settings import log_path

SUCCESS, FAILED, WRONG_INPUT = 0, 1, 2

_logger = logging.getLogger(__name__)


class _UsageError(Exception):
    """The words of the command line do not fit together."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of printing its usage."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{message}. See: {self.prog} --help.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    use_utf8()
    with _log_file():
        try:
            return _dispatch(words)
        except (_UsageError, InputError) as error:
            complain(str(error))
            return WRONG_INPUT
        except WorkstationError as error:
            complain(str(error))
            return FAILED
        except KeyboardInterrupt:
            complain("Interrupted.")
            return FAILED
        except BrokenPipeError:
            # The reader of our output has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SUCCESS
        except OSError as error:
            _logger.exception("An operation of the system failed.")
            what = f"{error.filename}: " if error.filename else ""
            complain(f"{what}{error.strerror or error}. Details are in {log_path()}.")
            return WRONG_INPUT if error.filename else FAILED
        # The catch-all of the command line: people get a line, the log gets the traceback.
        except Exception as error:
            _logger.exception("Unexpected error.")
            complain(f"Unexpected error ({type(error).__name__}). Details are in {log_path()}.")
            return FAILED


def _dispatch(words: list[str]) -> int:
    parser, commands = build_parser()
    if not words or (words[0] not in commands and not words[0].startswith("-")):
        if len(words) > 1:
            raise _UsageError(f"'{words[0]}' is no command. See: workstation --help.")
        return project_commands.open_window(Path(words[0]) if words else None, commands)
    options = parser.parse_args(words)
    options.command_text = shlex.join(["workstation", *words])
    action: Callable[[argparse.Namespace], int] = options.action
    return action(options)


@contextmanager
def _log_file() -> Iterator[None]:
    """Write log records into the log file, and none on stderr."""
    root = logging.getLogger()
    handler: logging.Handler
    try:
        log_path().parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_path(), encoding="utf-8", delay=True)
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def build_parser() -> tuple[argparse.ArgumentParser, tuple[str, ...]]:
    """Return the parser and the names of the sub-commands."""
    parser = _Parser(
        prog="workstation",
        usage="workstation [PROJECT]\n       workstation COMMAND ...",
        description="Annotate medical images, train on them, and compare what comes out. "
        "Without a command the window opens.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog="workstation")

    def command(
        name: str, action: Callable[[argparse.Namespace], int], purpose: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        added.set_defaults(action=action)
        return added

    demo = command("demo", project_commands.demo, "Make the sample project if it is absent, and open it.")
    demo.add_argument(
        "folder", metavar="DIR", type=Path, nargs="?", help="where; a folder of yours by default"
    )
    demo.add_argument("--no-window", action="store_true", help="make it only")

    new = command("new", project_commands.new, "Make an empty project.")
    new.add_argument("folder", metavar="DIR", type=Path)
    new.add_argument("--name", required=True, metavar="N")

    add = command("import", project_commands.import_files, "Import items and annotations.")
    _add_project(add)
    add.add_argument("paths", metavar="PATH", type=Path, nargs="+", help="folders, tables or keypoint files")
    add.add_argument("--kind", metavar="K", help="kind of the items, guessed from their roles by default")
    add.add_argument("--one-based", action="store_true", help="the first pixel of keypoints is (1, 1)")
    add.add_argument("--item", metavar="ITEM", help="item of a keypoint file, told by its name by default")
    add.add_argument("--format", metavar="F", help=f"of a keypoint file: {', '.join(KEYPOINT_FORMATS)}")
    add.add_argument("--layout", metavar="L", help="of a folder: the one that fits best by default")
    add.add_argument("--in-pixels", action="store_true", help="BigWarp counts pixels, not millimetres")
    add.add_argument("--whole-centres", action="store_true", help="ImageJ counts from a pixel's centre")

    graded = command("import-grades", grade_commands.import_grades, "Give items the grades of a table.")
    _add_project(graded)
    graded.add_argument("table", metavar="TABLE", type=Path, help="CSV with a column Grade and ids of items")
    _add_json(graded)

    phantoms = command(
        "phantom-brains",
        grade_commands.phantom_brains,
        "Make a project of procedural brains with tumours, labels and grades.",
    )
    phantoms.add_argument("folder", metavar="DIR", type=Path)
    phantoms.add_argument("--subjects", type=int, default=200, metavar="N")
    phantoms.add_argument("--seed", type=int, default=0, metavar="N")
    phantoms.add_argument("--site-shortcut", action="store_true", help="the scanner tells the grade")
    phantoms.add_argument("--oracle", action="store_true", help="print what simple methods reach")

    chests = command(
        "phantom-thorax",
        thorax_command.phantom_thorax,
        "Make a project of simulated chests, each without and with contrast.",
    )
    chests.add_argument("folder", metavar="DIR", type=Path)
    chests.add_argument("--subjects", type=int, default=14, metavar="N")
    chests.add_argument("--side", type=int, default=128, metavar="PX", help="of a slice")
    chests.add_argument("--slices", type=int, default=32, metavar="N")
    chests.add_argument("--shift", type=float, default=0.0, metavar="PX", help="between both scans")
    chests.add_argument("--noise", type=float, default=18.0, metavar="HU")
    chests.add_argument("--seed", type=int, default=0, metavar="N")

    relink = command("relink", relink_command.relink, "Find images that were moved, by their content.")
    _add_project(relink)
    relink.add_argument("folder", metavar="FOLDER", type=Path, help="searched with everything below it")

    items = command("items", project_commands.items, "List the items of a project.")
    _add_project(items)
    _add_json(items)

    _add_run_commands(command)

    export = command("export", project_commands.export, "Write a project in a format that others read.")
    _add_project(export)
    export.add_argument("format", metavar="FORMAT", help=", ".join(EXPORT_FORMATS))
    export.add_argument("out", metavar="OUT", type=Path, help="a file, or a folder for a file of each item")
    export.add_argument("--items", metavar="ITEM", nargs="+", help="item ids; all by default")
    export.add_argument("--label-maps", metavar="NAME", nargs="+", help="by name; all accepted by default")
    export.add_argument("--proposals", action="store_true", help="label maps that nobody accepted, too")
    export.add_argument("--dicom", metavar="FOLDER", type=Path, help="DICOM files that dicom_seg refers to")

    runs = command("runs", project_commands.runs, "List runs, their states and best metrics.")
    _add_project(runs)
    _add_json(runs)

    doctor = command(
        "doctor", doctor_command.doctor, "Say what is wrong with this machine, a project or a run."
    )
    doctor.add_argument("folder", metavar="PROJECT | RUN", type=Path, nargs="?")
    _add_json(doctor)
    return parser, tuple(commands.choices)


def _add_run_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    train = command("train", run_commands.train, "Train a phase of a pipeline.")
    _add_project(train)
    _add_pipeline(train)
    which = train.add_mutually_exclusive_group()
    which.add_argument("--phase", metavar="P", help="the first one by default")
    which.add_argument("--all-phases", action="store_true", help="one phase after the other")
    train.add_argument("--preset", metavar="NAME", help="the phase's own by default")
    train.add_argument("--base-run", metavar="RUN", help="where it starts; of the phase before by default")
    train.add_argument("--resume", metavar="RUN", help="continue a run: its id or folder")

    imported = command(
        "import-weights",
        import_weights_command.import_weights,
        "Make a model from weights of other programs.",
    )
    _add_project(imported)
    _add_pipeline(imported)
    imported.add_argument("source", metavar="SOURCE", type=Path, help="file or folder with the weights")
    imported.add_argument("--phase", metavar="P", help="that the model stands for; the first one by default")

    sweep = command("sweep", sweep_command.sweep, "Train a phase with several values of a setting.")
    _add_project(sweep)
    _add_pipeline(sweep)
    sweep.add_argument(
        "--phase",
        metavar="P,P",
        help="the first one by default; several go one after another, the last counts",
    )
    sweep.add_argument("--preset", metavar="NAME", help="the phase's own by default")
    sweep.add_argument(
        "--key", action="append", default=[], metavar="key=v1,v2", help="values to try; repeatable"
    )
    sweep.add_argument("--variants", action="store_true", help="the short comparison that the phase offers")
    sweep.add_argument("--seeds", default="0", metavar="0,1,2", help="every value is trained with each")
    sweep.add_argument("--base-run", metavar="RUN", help="where all start; of the phase before by default")
    sweep.add_argument("--no-base", action="store_true", help="leave out the unchanged settings")
    sweep.add_argument("--out", metavar="DIR", type=Path, help="of the table; in the project by default")
    _add_json(sweep)

    folds = command(
        "leave-one-out", leave_one_out_command.leave_one_out, "Train without each subject, and score it."
    )
    _add_project(folds)
    _add_pipeline(folds)
    folds.add_argument("--phase", metavar="P", help="the last one by default")
    folds.add_argument("--preset", metavar="NAME", help="the phase's own by default")
    folds.add_argument("--base-run", metavar="RUN", help="where all start; of the phase before by default")
    folds.add_argument("--subjects", metavar="S,S", help="folds to do; all by default")
    folds.add_argument(
        "--together", metavar="S,S", action="append", default=[], help="subjects of one fold; repeatable"
    )
    folds.add_argument("--keep", action="store_true", help="keep the copies of the project, with weights")
    folds.add_argument("--out", metavar="DIR", type=Path, help="of the table; in the project by default")
    _add_json(folds)

    predict = command("predict", run_commands.predict, "Predict; prints the written files.")
    _add_project(predict)
    _add_pipeline(predict)
    predict.add_argument("--run", metavar="R", help="run whose model is used: its id or folder")
    predict.add_argument("--items", metavar="ITEM", nargs="+", help="item ids; all by default")
    predict.add_argument("--resume", metavar="RUN", help="go on with a run that stopped: its id or folder")

    register = command(
        "register", register_command.register, "Register pairs of images; prints a table by verdict."
    )
    _add_project(register)
    register.add_argument("--run", metavar="R", help="run whose model is used: its id or folder")
    register.add_argument("--items", metavar="ITEM", nargs="+", help="item ids; all pairs by default")
    register.add_argument("--resume", metavar="RUN", help="go on with a run that was stopped")
    register.add_argument("--export", metavar="DIR", type=Path, help="write transforms and warped images")
    register.add_argument(
        "--set", action="append", default=[], metavar="key=value", help="change a setting; repeatable"
    )
    _add_json(register)

    evaluate = command("evaluate", run_commands.evaluate, "Score a run's model and the baselines.")
    _add_project(evaluate)
    _add_pipeline(evaluate)
    evaluate.add_argument("--run", metavar="ID|FOLDER", help="the newest finished run by default")
    evaluate.add_argument(
        "--split", choices=("val", "test", "evaluation", "all"), help="all without a run, else val"
    )
    _add_json(evaluate)


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", type=Path)


def _add_pipeline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pipeline", metavar="PIPELINE")
    parser.add_argument(
        "--set", action="append", default=[], metavar="key=value", help="change a setting; repeatable"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
