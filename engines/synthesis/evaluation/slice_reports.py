"""Errors slice by slice: a file, a curve for each item, and a table that leads to the worst places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from engines.contract.kinds import PanelKind
from engines.contract.panels import PanelFile
from engines.contract.run_context import RunContext
from engines.imaging.volumes.volume import VolumeGeometry
from engines.synthesis.data import SynthesisCase
from engines.synthesis.evaluation.reports import write_table
from engines.synthesis.volumes.canonical import axis_turn
from engines.synthesis.volumes.windows import FloatVoxels

_COLUMNS = ("item", "slice", "row", "mae_hu", "vessel_mae_hu")
_TITLES = ("Item", "Slice", "Error in the body (HU)", "Error in vessels (HU)", "The same of the NCCT (HU)")
_MOST_LINES = 300
_MOST_CURVES = 8
_BLUR_PX = 1.5


def slice_errors(
    case: SynthesisCase, made: Mapping[str, FloatVoxels], geometry: VolumeGeometry
) -> list[dict[str, Any]]:
    """Return a line for every slice with body, of every row of `made`.

    Parameters
    ----------
    case : SynthesisCase
    made : mapping of row to (I, J, K)
        HU, in turned order.
    geometry : VolumeGeometry
        Of the NCCT's file.

    Returns
    -------
    list of dict
        Slices count from 1; ``world_mm`` is where the slice is most wrong.
    """
    lines = []
    for name, volume in made.items():
        error = np.abs(volume - case.cta)
        for k in range(case.num_slices):
            body, vessel = case.body[:, :, k], case.vessel[:, :, k]
            if not body.any():
                continue
            plane = error[:, :, k]
            lines.append(
                {
                    "item": case.id,
                    "slice": k + 1,
                    "row": name,
                    "mae_hu": float(plane[body].mean()),
                    "vessel_mae_hu": float(plane[vessel].mean()) if vessel.any() else None,
                    "world_mm": _worst_place(plane * body, k, geometry),
                }
            )
    return lines


def _worst_place(error: FloatVoxels, k: int, geometry: VolumeGeometry) -> list[float]:
    smooth = ndimage.gaussian_filter(error, _BLUR_PX)
    i, j = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    turn = axis_turn(geometry)
    place = [0.0, 0.0, 0.0]
    for axis, flips, index in zip(turn.order, turn.is_flipped, (i, j, k), strict=True):
        place[axis] = float(geometry.shape[axis] - 1 - index if flips else index)
    return [round(float(value), 3) for value in geometry.world_of([place])[0]]


def write_slice_reports(
    run: RunContext, folder: Path, lines: Sequence[Mapping[str, Any]], rows: Sequence[str]
) -> None:
    """Write all lines as CSV, the first row's worst slices as a table, and its errors as curves.

    Parameters
    ----------
    run : RunContext
    folder : Path
        Of the CSV.
    lines : sequence of mapping
        Of `slice_errors`.
    rows : sequence of str
        The model's first, the NCCT as it is last.
    """
    write_table(folder / "slices.csv", _COLUMNS, [dict(line) for line in lines])
    own = [line for line in lines if line["row"] == rows[0]]
    plain = {
        (line["item"], line["slice"]): line["vessel_mae_hu"] for line in lines if line["row"] == rows[-1]
    }
    # Vessels are what it is about; where a slice has none, its whole body counts.
    worst = sorted(own, key=lambda line: (line["vessel_mae_hu"] is None, -_judged(line)))[:_MOST_LINES]
    table = [
        [
            line["item"],
            line["slice"],
            line["mae_hu"],
            line["vessel_mae_hu"],
            plain[line["item"], line["slice"]],
        ]
        for line in worst
    ]
    places = [{"item": line["item"], "world_mm": line["world_mm"]} for line in worst]
    data = {"columns": list(_TITLES), "rows": table, "places": places}
    run.panel("slices", PanelFile(kind=PanelKind.TABLE, title="Slices, worst first", data=data))
    series = []
    for item in list(dict.fromkeys(line["item"] for line in worst))[:_MOST_CURVES]:
        of_item = [line for line in own if line["item"] == item]
        values = [[line["slice"] for line in of_item], [line["mae_hu"] for line in of_item]]
        series.append({"name": item, "x": values[0], "y": values[1]})
    data = {"series": series, "x_label": "slice", "y_label": "error in the body (HU)"}
    run.panel("slice_errors", PanelFile(kind=PanelKind.CURVE, title="Error by slice", data=data))


def _judged(line: Mapping[str, Any]) -> float:
    value = line["vessel_mae_hu"]
    return float(line["mae_hu"] if value is None else value)
