"""What a run writes beside previews: quality of alignment, checkerboards, the card of the window."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.contract.files import write_json_atomically, write_text_atomically
from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.images import write_image
from engines.synthesis.data import SynthesisCase
from engines.synthesis.evaluation.fusion_card import fusion_card, fusion_table
from engines.synthesis.evaluation.pictures import Picture, checkerboard
from engines.synthesis.volumes.windows import WINDOWS, HuWindow

_COLUMNS = (
    "item",
    "grade",
    "kind",
    "correlation",
    "lung_dice",
    "bone_p95_mm",
    "shift_mm",
    "smallest_jacobian",
    "folded_share",
)
_FUSION_TITLES = (
    "Window",
    "HU",
    "Blood without contrast",
    "Vessel minus muscle",
    "The same after NCCT × |G|",
    "Kept",
    "Verdict",
    "HU of 0.01",
)
ALIGNMENT_FOLDER = "alignment"


def write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV, atomically; numbers with four digits, what is missing empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: f"{v:.4f}" if isinstance(v, float) else v for key, v in row.items()})
    write_text_atomically(path, buffer.getvalue())


def write_alignment_reports(run: RunContext, cases: Sequence[SynthesisCase], window: HuWindow) -> None:
    """Write the graded table, a checkerboard of each pair, worst first, and what the window does."""
    folder = run.folder.outputs_dir / ALIGNMENT_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(cases, key=lambda case: (case.grade, -case.alignment["correlation"]), reverse=True)
    write_table(folder / "alignment.csv", _COLUMNS, [{"item": case.id, **case.alignment} for case in ordered])
    shown = []
    for number, case in enumerate(ordered):
        middle = int(np.argmax(case.lung.sum(axis=(0, 1)))) if case.lung.any() else case.num_slices // 2
        picture = checkerboard(
            case.ncct[:, :, middle].astype(np.float32), case.cta[:, :, middle].astype(np.float32)
        )
        shown.append((f"{case.id} ({case.grade})", f"checkerboard_{number:03d}.png", picture))
    write_picture_panel(run, "alignment", "Checkerboards of NCCT and CTA", folder, shown)
    chosen = fusion_card(window).facts()
    presets = {name: card.facts() for name, card in fusion_table().items()}
    write_json_atomically(run.folder.outputs_dir / "fusion_card.json", {"chosen": chosen, "presets": presets})
    run.panel("fusion", _fusion_panel(window))


def _fusion_panel(window: HuWindow) -> PanelFile:
    """Return what each window leaves of the contrast between vessel and muscle, the chosen one first."""
    presets = fusion_table()
    own = next((name for name, known in WINDOWS.items() if known == window), "custom")
    cards = {own: fusion_card(window), **{name: card for name, card in presets.items() if name != own}}
    rows = [
        [
            f"{name} (chosen)" if name == own else name,
            f"{card.low_hu:.0f} … {card.high_hu:.0f}",
            round(card.blood, 3),
            round(card.real_contrast, 3),
            round(card.product_contrast, 3),
            f"{100 * card.kept:.0f} %",
            card.verdict,
            round(card.hu_per_hundredth, 1),
        ]
        for name, card in cards.items()
    ]
    data = {"columns": list(_FUSION_TITLES), "rows": rows}
    return PanelFile(kind=PanelKind.TABLE, title="What the window leaves of vessel contrast", data=data)


def write_picture_panel(
    run: RunContext, name: str, title: str, folder: Path, shown: Sequence[tuple[str, str, Picture]]
) -> None:
    """Write pictures and the panel that lists them.

    Parameters
    ----------
    run : RunContext
    name, title : str
        Of the panel.
    folder : Path
        Below the run folder.
    shown : sequence of (label, file name, picture)
    """
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for label, file, picture in shown:
        write_image(folder / file, picture)
        path = (folder / file).relative_to(run.folder.path).as_posix()
        frames.append({"step": 0, "item": label, "name": name, "path": path})
    run.panel(name, PanelFile(kind=PanelKind.IMAGE_SERIES, title=title, data={"frames": frames}))
