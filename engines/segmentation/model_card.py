"""The card of a model: what it is and was trained on, and how Dice depends on the steps of drawing.

It is a panel of the run that made the model, so that it is seen wherever that run is; an evaluation that
measures steps writes their curve into the card of the model that it scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.contract.errors import RunFolderError
from engines.contract.kinds import PanelKind, Split
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.segmentation.data import GRADES, MODALITIES
from engines.segmentation.model import SegmentationNetwork
from engines.segmentation.slices.checks import started_facts
from engines.segmentation.slices.labels import REGIONS
from engines.segmentation.slices.preparation import Prepared

NAME = "model_card"
_COLUMNS = ["Fact", "Value"]
_DICE = "Dice in {steps} steps"
_MEASURED = "Dice against steps measured on"


def write_card(run: RunContext, model: SegmentationNetwork, prepared: Prepared) -> None:
    """Write what the model of a training is."""
    known, facts = model.architecture, started_facts(run)
    rows: list[list[Any]] = [
        ["Method", known.method],
        ["Network", known.network],
        ["Parameters", model.parameter_table()[-1][1]],
        ["Modalities", " ".join(MODALITIES)],
        ["Regions", " ".join(REGIONS[: known.num_regions])],
        ["Side of the slices (px)", prepared.size],
        ["Coding of the labels", prepared.coding.key],
        ["Predicts", known.prediction],
        ["Steps of noise", f"{known.num_steps} {known.schedule}"],
        ["Grade head", known.grade_head],
        ["Gradient of the grade stopped", "yes" if known.stop_gradient else "no"],
        ["Training subjects", len({item.subject for item in run.items(Split.TRAIN)})],
        ["Validation subjects", len({item.subject for item in run.items(Split.VAL)})],
        ["Split", facts["split_hash"]],
    ]
    for name in GRADES:
        rows.append([f"n_{name}", facts[f"n_{name}"]])
        rows.append([f"Share of {name} (%)", facts[f"percent_{name}"]])
        rows.append([f"alpha_{name} = N / (2 n)", facts[f"alpha_{name}"]])
    run.panel(NAME, _panel(rows))


def add_steps_curve(base: Path, curve: Mapping[int, float], items: Sequence[str], sampler: str) -> bool:
    """Write Dice against steps into the card of a run's model, and tell whether it has a card.

    Parameters
    ----------
    base : Path
        Folder of the run that made the model.
    curve : mapping of int to float
        Dice by number of steps.
    items : sequence of str
        That it was measured on.
    sampler : str
    """
    path = RunFolder(base).panels_dir / f"{NAME}.json"
    try:
        rows = PanelFile.read(path).data["rows"]
    except (RunFolderError, KeyError):
        return False
    start = _DICE.split("{")[0]
    kept = [row for row in rows if not str(row[0]).startswith((start, _MEASURED))]
    measured = [[_DICE.format(steps=steps), round(dice, 4)] for steps, dice in curve.items()]
    _panel([*kept, *measured, [_MEASURED, f"{len(items)} items, {sampler}"]]).write(path)
    return True


def _panel(rows: Sequence[Sequence[Any]]) -> PanelFile:
    data = {"columns": _COLUMNS, "rows": [list(row) for row in rows]}
    return PanelFile(kind=PanelKind.TABLE, title="Model card", data=data)
