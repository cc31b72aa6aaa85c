"""Write a cohort of simulated patients: procedural thoraces, or a real CT with simulated contrast.

    python -m engines.synthesis.cohort FOLDER [--patients 14] [--side 128] [--slices 32] [--shift 0]
        [--breathing 0] [--noise 18] [--seed 0] [--enhance CT.nii.gz ...]

FOLDER receives ``<patient>/ncct.nii.gz`` and ``cta.nii.gz``, a table ``items.csv`` and a file that says that
all of it is simulated. ``workstation new PROJECT --name Phantom`` and
``workstation import PROJECT FOLDER/items.csv`` make a project of it, with its split by patient.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.contract.files import write_text_atomically
from engines.contract.kinds import Split
from engines.imaging.volumes.volume import Volume
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.synthesis.enhancement import simulate_enhancement
from engines.synthesis.phantom import ThoraxOptions, make_thorax

_NOTICE = (
    "Every CTA in this folder is SIMULATED: drawn by a program, or a real CT to which a program added "
    "contrast. Nothing here says anything about a patient or a contrast agent.\n"
)
_SHARES = (0.6, 0.8)
"""Up to which share of the patients the splits train and val go."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CohortItem:
    """A simulated patient on the disk."""

    subject: str
    split: Split
    ncct: Path
    cta: Path


def write_cohort(folder: Path, count: int, options: ThoraxOptions, seed: int = 0) -> tuple[CohortItem, ...]:
    """Write procedural patients, split by patient 60 / 20 / 20, and their table."""
    items = []
    for number in range(count):
        phantom = make_thorax(seed + number, options)
        items.append(
            _written(folder, f"simulated_{number:02d}", _split(number, count), phantom.ncct, phantom.cta)
        )
    _finish(folder, items)
    return tuple(items)


def write_enhanced(folder: Path, sources: Sequence[Path], seed: int = 0) -> tuple[CohortItem, ...]:
    """Write real CT volumes beside copies with simulated contrast."""
    items = []
    for number, source in enumerate(sources):
        ncct = read_volume(source)
        cta = simulate_enhancement(ncct, seed=seed + number)
        name = f"enhanced_simulated_{number:02d}"
        items.append(_written(folder, name, _split(number, len(sources)), ncct, cta))
    _finish(folder, items)
    return tuple(items)


def _split(number: int, count: int) -> Split:
    share = (number + 0.5) / count
    return Split.TRAIN if share < _SHARES[0] else Split.VAL if share < _SHARES[1] else Split.TEST


def _written(folder: Path, subject: str, split: Split, ncct: Volume, cta: Volume) -> CohortItem:
    place = folder / subject
    place.mkdir(parents=True, exist_ok=True)
    item = CohortItem(subject, split, place / "ncct.nii.gz", place / "cta.nii.gz")
    write_volume(item.ncct, ncct)
    write_volume(item.cta, cta)
    return item


def _finish(folder: Path, items: Sequence[CohortItem]) -> None:
    rows = ["subject,item,split,role,path"]
    rows += [
        f"{item.subject},{item.subject},{item.split},{role},{item.subject}/{role}.nii.gz"
        for item in items
        for role in ("ncct", "cta")
    ]
    write_text_atomically(folder / "items.csv", "\n".join(rows) + "\n")
    write_text_atomically(folder / "SIMULATED.txt", _NOTICE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a cohort."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=14)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--slices", type=int, default=32)
    parser.add_argument("--shift", type=float, default=0.0, help="px that the CTA lies beside the NCCT")
    parser.add_argument("--breathing", type=float, default=0.0, help="largest smooth displacement, px")
    parser.add_argument("--noise", type=float, default=18.0, help="HU")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--enhance", type=Path, nargs="+", default=[], help="real CT instead of phantoms")
    options = parser.parse_args(arguments)
    if options.enhance:
        items = write_enhanced(options.folder, options.enhance, options.seed)
    else:
        size = 128 / options.side
        thorax = ThoraxOptions(
            side_px=options.side,
            num_slices=options.slices,
            spacing_mm=(2.6 * size, 2.6 * size, 80.0 / options.slices),
            noise_hu=options.noise,
            shift_px=(options.shift, 0.0),
            breathing_px=options.breathing,
        )
        items = write_cohort(options.folder, options.patients, thorax, options.seed)
    _log.info("Wrote %d simulated patients to %s.", len(items), options.folder)
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    raise SystemExit(main())
