"""Folders of ``near_format_data`` become folders of volumes, which the layout of volume cases takes in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from engines.contract.messages import Message

CONVERTED = "converted"
"""Folder of a project for volumes that were made of other files."""


def with_converted(
    places: Sequence[Path],
    target: Path,
    say: Callable[[Message], None],
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Return places, those of such data replaced by folders that were made of them.

    Parameters
    ----------
    places : sequence of Path
    target : Path
        Below it ``<name>/<case>/ct.nii.gz`` and ``label_map.nii.gz`` are written; cases that are there stay.
    say : callable
        Given what people should know.
    progress : callable or None
        Given how many cases are done, and of how many.

    Raises
    ------
    InputError
        If a case cannot be read.
    """
    from engines.imaging.volumes.near_format import is_near_folder

    found = []
    for place in places:
        if place.is_dir() and is_near_folder(place):
            found.append(_convert(place, target / place.name, say, progress))
        else:
            found.append(place)
    return found


def _convert(
    source: Path, target: Path, say: Callable[[Message], None], progress: Callable[[int, int], None] | None
) -> Path:
    from engines.imaging.volumes.near_format import case_ids, read_case
    from engines.imaging.volumes.volume_files import write_volume

    cases = case_ids(source)
    num_placeless, without_image = 0, []
    for number, case in enumerate(cases):
        if progress is not None:
            progress(number, len(cases))
        folder = target / case
        if (folder / "label_map.nii.gz").is_file():
            continue
        read = read_case(source, case)
        if read.image is None:
            without_image.append(case)
            continue
        num_placeless += read.geometry is None
        folder.mkdir(parents=True, exist_ok=True)
        write_volume(folder / "ct.nii.gz", read.image)
        write_volume(folder / "label_map.nii.gz", read.labels)
    if num_placeless:
        say(
            Message(
                "{n} cases do not say where they lie: their voxels count as 1 mm, so volumes and distances "
                "are no millilitres and millimetres.",
                {"n": num_placeless},
            )
        )
    if without_image:
        say(
            Message(
                "{n} cases have no appearance and were left out, for example {case}.",
                {"n": len(without_image), "case": without_image[0]},
            )
        )
    return target
