"""Write pairs from real chest CT: the scan as it is, and a copy with simulated contrast.

    python -m engines.synthesis.volumes.cohort FOLDER CT.nii.gz [CT.nii.gz ...] [--seed 0]

FOLDER receives ``<patient>/ncct.nii.gz`` and ``cta.nii.gz``, a table ``items.csv`` and a file that says that
the contrast is simulated; ``workstation import PROJECT FOLDER/items.csv`` reads it. Procedural chests come
from ``workstation phantom-thorax DIR``.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from engines.contract.files import write_text_atomically
from engines.contract.kinds import Split
from engines.imaging.volumes.volume_files import read_volume, write_volume
from engines.synthesis.volumes.enhancement import simulate_enhancement

_NOTICE = (
    "Every CTA in this folder is SIMULATED: a real CT to which a program added contrast. Nothing here says "
    "anything about a patient or a contrast agent.\n"
)
_SHARES = (0.6, 0.8)
"""Up to which share of the patients the splits train and val go."""

_log = logging.getLogger(__name__)


def write_enhanced(folder: Path, sources: Sequence[Path], seed: int = 0) -> Path:
    """Write real CT volumes beside copies with simulated contrast; return the table of them."""
    rows = ["subject,item,split,role,path"]
    for number, source in enumerate(sources):
        ncct = read_volume(source)
        name = f"enhanced_simulated_{number:02d}"
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for role, volume in (("ncct", ncct), ("cta", simulate_enhancement(ncct, seed=seed + number))):
            write_volume(place / f"{role}.nii.gz", volume)
            rows.append(f"{name},{name},{_split(number, len(sources))},{role},{name}/{role}.nii.gz")
    table = folder / "items.csv"
    write_text_atomically(table, "\n".join(rows) + "\n")
    write_text_atomically(folder / "SIMULATED.txt", _NOTICE)
    return table


def _split(number: int, count: int) -> Split:
    share = (number + 0.5) / count
    return Split.TRAIN if share < _SHARES[0] else Split.VAL if share < _SHARES[1] else Split.TEST


def main(arguments: Sequence[str] | None = None) -> int:
    """Write pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("sources", type=Path, nargs="+", metavar="CT")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    _log.info("Wrote %s.", write_enhanced(options.folder, options.sources, options.seed))
    return 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    raise SystemExit(main())
