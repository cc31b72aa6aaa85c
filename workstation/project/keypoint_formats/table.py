"""All keypoint formats by key. A new format is a new file beside this one and a line here."""

from __future__ import annotations

from pathlib import Path

from workstation.project.keypoint_formats.bigwarp import BigWarp
from workstation.project.keypoint_formats.coco import Coco
from workstation.project.keypoint_formats.cvat import Cvat
from workstation.project.keypoint_formats.fire import Fire
from workstation.project.keypoint_formats.format import HEAD_BYTES, KeypointFormat
from workstation.project.keypoint_formats.imagej import ImageJ
from workstation.project.keypoint_formats.mmim import Mmim
from workstation.project.keypoint_formats.napari_csv import NapariCsv
from workstation.project.keypoint_formats.slicer_fcsv import SlicerFcsv
from workstation.project.keypoint_formats.slicer_json import SlicerJson
from workstation.project.keypoint_formats.two_text import TwoText

FORMATS: dict[str, KeypointFormat] = {
    known.key: known
    for known in (
        BigWarp(),
        SlicerJson(),
        SlicerFcsv(),
        NapariCsv(),
        Fire(),
        TwoText(),
        Coco(),
        Cvat(),
        ImageJ(),
        Mmim(),
    )
}
"""In the order in which dialogs list them, and in which `recognise` asks."""


def recognise(path: Path) -> KeypointFormat | None:
    """Return the format of a file, from its name and content; None when it is none of `FORMATS`."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError:
        return None
    return next((known for known in FORMATS.values() if known.recognise(path, head)), None)
