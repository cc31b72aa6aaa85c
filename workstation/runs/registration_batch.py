"""Every registration of a project in one table: how far to trust each, and what three say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import PreconditionError, RunFolderError, WorkstationError
from engines.contract.kinds import Action, OutputKind
from engines.contract.messages import Message
from engines.contract.registry import all_specs
from engines.contract.run_folder import RunFolder
from engines.contract.spec import PipelineSpec
from engines.contract.transform_file import TransformFile
from engines.imaging.transforms.cycles import Cycle, RegisteredPair, cycles
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.project.registration_choice import rank
from workstation.project.result_commands import Verdict
from workstation.project.result_review import verdicts

VERDICTS = ("not_registered", "uncertain", "registered")
"""The order of the table: first what a person has to look at."""
_DOUBTFUL = "_not_confirmed"


@dataclass(frozen=True)
class RegistrationRow:
    """The newest registration of one item; without a file it was not tried.

    Parameters
    ----------
    item, subject : str
    modalities : str
        ``"FA - CF"``: fixed, then moving.
    run_id : str
    file : TransformFile or None
    cycle_px : float or None
        Least error of the circles that it closes with others; None without one.
    judged : Verdict or None
        What a person decided.
    """

    item: str
    subject: str
    modalities: str
    run_id: str = ""
    file: TransformFile | None = None
    cycle_px: float | None = None
    judged: Verdict | None = None

    @property
    def verdict(self) -> str:
        """Empty when it was not tried."""
        return "" if self.file is None else self.file.verdict

    @property
    def order(self) -> tuple[int, float, str]:
        """Key that sorts what needs a look to the top."""
        place = VERDICTS.index(self.verdict) if self.verdict else len(VERDICTS)
        if self.judged is Verdict.ACCEPTED:
            # Whoever looked at it need not look again.
            place = VERDICTS.index("registered")
        return place, (self.file.z if self.file is not None else None) or 0.0, self.item


@dataclass(frozen=True)
class RegistrationTable:
    """All rows, sorted by verdict, and all circles, the worst first."""

    rows: tuple[RegistrationRow, ...]
    cycles: tuple[Cycle, ...]

    @property
    def left(self) -> tuple[str, ...]:
        """Items that were not tried."""
        return tuple(row.item for row in self.rows if row.file is None)


def registering_spec() -> PipelineSpec:
    """Return the pipeline that finds transforms.

    Raises
    ------
    PreconditionError
        If none does.
    """
    for spec in all_specs():
        if transform_role(spec):
            return spec
    raise PreconditionError("No pipeline that registers images is installed.")


def transform_role(spec: PipelineSpec) -> str:
    """Return the role of a pipeline's transform output; empty when it has none."""
    return next((output.role for output in spec.outputs if output.kind is OutputKind.TRANSFORM), "")


def registration_table(
    project: Project, spec: PipelineSpec, *, run: RunFolder | None = None, items: Iterable[str] | None = None
) -> RegistrationTable:
    """Read the newest registration of every pair of a project; slow.

    Parameters
    ----------
    project : Project
    spec : PipelineSpec
    run : RunFolder, optional
        Only what this run found.
    items : iterable of str, optional
        Only these.
    """
    wanted = None if items is None else set(items)
    pairs = [
        item for item in project.items.all() if _is_pair(item, spec) and (wanted is None or item.id in wanted)
    ]
    decided = verdicts(project.store)
    newest: dict[str, tuple[tuple[int, float], str, TransformFile]] = {}
    folders = [run.path] if run is not None else project.runs.folders()
    for folder in folders:
        for item in pairs:
            path = folder / "outputs" / transform_role(spec) / f"{item.id}.json"
            if not path.is_file():
                continue
            order = rank(decided.get((item.id, folder.name)), path.stat().st_mtime)
            if item.id not in newest or order >= newest[item.id][0]:
                file = _read(path, item)
                if file is not None:
                    newest[item.id] = (order, folder.name, file)
    closed = cycles(_sides(pairs, {item: found[2] for item, found in newest.items()}))
    rows = []
    for item in pairs:
        errors = [cycle.mean_error_px for cycle in closed if item.id in cycle.items]
        modalities = " - ".join(item.files[role].modality or "?" for role in ("fixed", "moving"))
        found = newest.get(item.id)
        rows.append(
            RegistrationRow(
                item.id,
                item.subject,
                modalities,
                found[1] if found else "",
                found[2] if found else None,
                min(errors) if errors else None,
                decided.get((item.id, found[1])) if found else None,
            )
        )
    return RegistrationTable(tuple(sorted(rows, key=lambda row: row.order)), tuple(closed))


def _is_pair(item: Item, spec: PipelineSpec) -> bool:
    return item.kind in spec.item_kinds and item.has("fixed", "moving")


def _read(path: Path, item: Item) -> TransformFile | None:
    """Read a transform; None when it cannot be read, or belongs to other images."""
    try:
        file = TransformFile.read(path)
    except WorkstationError:
        return None
    own = (item.files["fixed"].sha256, item.files["moving"].sha256)
    is_other = any(seen and mine and seen != mine for seen, mine in zip(_hashes(file), own, strict=True))
    return None if is_other else file


def _hashes(file: TransformFile) -> tuple[str, str]:
    return file.fixed_sha256, file.moving_sha256


def _sides(pairs: Sequence[Item], files: dict[str, TransformFile]) -> list[RegisteredPair]:
    """Return the registered pairs by the images of their subject."""
    sides = []
    for item in pairs:
        file = files.get(item.id)
        matrix = None if file is None else file.homography_fixed_from_moving
        if file is None or matrix is None or file.verdict == "not_registered":
            continue
        fixed, moving = ((item.subject, item.files[role].sha256) for role in ("fixed", "moving"))
        sides.append(RegisteredPair(item.id, fixed, moving, file.fixed_size, file.moving_size, matrix))
    return sides


def prepare_batch(
    project: Project, spec: PipelineSpec, items: Sequence[str], *, base_run: RunFolder | None = None
) -> RunFolder:
    """Write the folder of a run that registers several items; slow.

    Raises
    ------
    WorkstationError
        If something that the run needs is missing.
    """
    from workstation.runs.launch import prepare_run

    return prepare_run(project, spec, action=Action.PREDICT, items=items, base_run=base_run)


def export_batch(
    project: Project, spec: PipelineSpec, rows: Sequence[RegistrationRow], out: Path
) -> tuple[list[Path], list[Message]]:
    """Write transform and warped moving image of every row that has one.

    ``<item>.json`` and ``<item>_registered.png``; those that were not confirmed carry it in their names.

    Returns
    -------
    files : list of Path
    notes : list of Message
        What is to be said about them.

    Raises
    ------
    PreconditionError
        If no row has a transform.
    RunFolderError
        If a file exists already, or cannot be written.
    """
    from engines.imaging.images import read_image, write_image
    from engines.imaging.transforms.stored_transform import stored_transform
    from engines.imaging.transforms.warping import warp_to_fixed

    found = [row for row in rows if row.file is not None and row.file.matrix is not None]
    if not found:
        raise PreconditionError("None of these pairs has a transform.", remedy="Register them first.")
    planned = {}
    for row in found:
        stem = row.item if row.verdict == "registered" else row.item + _DOUBTFUL
        planned[row.item] = (out / f"{stem}.json", out / f"{stem}_registered.png")
    for path in (path for pair in planned.values() for path in pair):
        if path.exists():
            raise RunFolderError(
                "There is a file {path} already.", remedy="Choose an empty folder.", path=path
            )
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for row in found:
        file = row.file
        assert file is not None
        transform_path, image_path = planned[row.item]
        file.write(transform_path)
        transform = stored_transform(file)
        assert transform is not None
        moving = read_image(project.items.get(row.item).files["moving"].require())
        write_image(image_path, warp_to_fixed(moving, transform, file.fixed_size))
        written += [transform_path, image_path]
    doubtful = sum(row.verdict != "registered" for row in found)
    notes = []
    if doubtful:
        notes.append(
            Message("{n} of the transforms were not confirmed; their names say so.", {"n": doubtful})
        )
    return written, notes
