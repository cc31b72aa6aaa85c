"""What is wrong with the data of a project: an image under two subjects, missing files and partners."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.errors import InputError
from engines.contract.kinds import FileKind, ItemKind, Severity, Split
from engines.contract.messages import Message
from engines.imaging.perceptual_hash import perceptual_hash, similar_pairs
from engines.imaging.pyramid import image_for_looks
from workstation.project.alike_images import alike_key, alike_message
from workstation.project.items import Item, ItemFile
from workstation.project.project import Project

KEPT_SETTING = "kept_findings"
_MASK_KINDS = (FileKind.MASK, FileKind.LABEL_MAP)


class CheckCancelled(Exception):
    """The person stopped the check."""


@dataclass(frozen=True, slots=True)
class DataFinding:
    """A remark on the data of a project.

    Parameters
    ----------
    key : str
    severity : Severity
    message : Message
    items : tuple of str
    subjects : tuple of str
        Two subjects that look like one; empty for other remarks.
    splits : tuple of Split
        The different splits of those subjects, when there are two to choose from.
    """

    key: str
    severity: Severity
    message: Message
    items: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ()


def check_data(
    project: Project,
    *,
    progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[DataFinding, ...]:
    """Look through everything; images that were never hashed by look are read now.

    Raises
    ------
    CheckCancelled
        If it was asked to stop.
    """
    items = project.items.all()
    _fill_in_looks(project, items, progress, should_stop)
    items = project.items.all()
    kept = set(project.setting(KEPT_SETTING, []))
    found = [*_missing(project), *_incomplete(items), *_across_subjects(items)]
    order = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    return tuple(
        sorted(
            (finding for finding in found if finding.key not in kept),
            key=lambda finding: order.index(finding.severity),
        )
    )


def keep(project: Project, key: str) -> None:
    """Leave a finding as it is, for good."""
    project.set_setting(KEPT_SETTING, sorted({*project.setting(KEPT_SETTING, []), key}))


def _fill_in_looks(
    project: Project,
    items: Sequence[Item],
    progress: Callable[[int, int], None] | None,
    should_stop: Callable[[], bool] | None,
) -> None:
    unknown: dict[str, Path] = {}
    for _item, file in _images(items):
        if file.kind is FileKind.IMAGE and file.perceptual_hash is None and file.path.is_file():
            unknown.setdefault(file.sha256, file.path)
    found: dict[str, str] = {}
    for done, (sha256, path) in enumerate(unknown.items(), start=1):
        if should_stop is not None and should_stop():
            raise CheckCancelled
        try:
            look = perceptual_hash(image_for_looks(path, sha256)[0])
        except InputError:
            look = None
        if look is not None:
            found[sha256] = look
        if progress is not None:
            progress(done, len(unknown))
    if found:
        project.items.set_perceptual_hashes(found)


def _images(items: Sequence[Item]) -> Iterator[tuple[Item, ItemFile]]:
    for item in items:
        for file in item.files.values():
            if file.kind not in _MASK_KINDS:
                yield item, file


def _missing(project: Project) -> Iterator[DataFinding]:
    missing = project.missing_files()
    if missing:
        items = tuple(dict.fromkeys(file.item_id for file in missing))
        message = Message("Images that are no longer where they were: {n}.", {"n": len(missing)})
        yield DataFinding("missing", Severity.ERROR, message, items)


def _incomplete(items: Sequence[Item]) -> Iterator[DataFinding]:
    for item in items:
        for role in ("fixed", "moving"):
            if item.kind is ItemKind.IMAGE_PAIR and not item.has(role):
                facts = {"item": item.id, "role": role}
                message = Message("{item} has no {role} image.", facts)
                yield DataFinding(f"incomplete {item.id}", Severity.WARNING, message, (item.id,))


def _across_subjects(items: Sequence[Item]) -> Iterator[DataFinding]:
    places: dict[str, list[tuple[Item, ItemFile]]] = {}
    for item, file in _images(items):
        places.setdefault(file.sha256, []).append((item, file))
    looks = {
        sha256: look for sha256, found in places.items() if (look := found[0][1].perceptual_hash) is not None
    }
    contents = list(looks)
    alike = [(content, content, 0) for content in places]
    alike += [
        (contents[first], contents[second], bits)
        for first, second, bits in similar_pairs(list(looks.values()))
    ]
    told: set[frozenset[str]] = set()
    for first_content, second_content, bits in alike:
        for first, first_file in places[first_content]:
            for second, second_file in places[second_content]:
                subjects = frozenset((first.subject, second.subject))
                if len(subjects) == 2 and subjects not in told:
                    told.add(subjects)
                    is_copy = first_content == second_content
                    yield _one_subject(first, first_file, second, second_file, None if is_copy else bits)


def _one_subject(
    first: Item, first_file: ItemFile, second: Item, second_file: ItemFile, bits: int | None
) -> DataFinding:
    message = alike_message(
        (first_file.path.name, first.subject), (second_file.path.name, second.subject), bits
    )
    splits = tuple(dict.fromkeys(split for split in (first.split, second.split) if split is not None))
    return DataFinding(
        alike_key(first.subject, second.subject),
        Severity.WARNING,
        message,
        (first.id, second.id),
        (first.subject, second.subject),
        splits if len(splits) > 1 else (),
    )
