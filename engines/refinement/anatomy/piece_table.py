"""What the window shows beside each piece: a component table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from engines.contract.component_table import ComponentColumn, ComponentRecord, ComponentTable
from engines.refinement.anatomy.clean import JudgedComponent


def component_table(components: Sequence[JudgedComponent], label_class: int) -> ComponentTable:
    """Return what the window shows beside each piece."""
    records = []
    for piece in components:
        proposal: Literal["", "accept", "reject"] = ""
        if piece.proposal in ("keep", "remove"):
            proposal = "accept" if piece.proposal == "keep" else "reject"
        values = {
            "aorta_mm": piece.aorta_mm,
            "myocardium_mm": piece.myocardium_mm,
            "gap_mm": piece.gap_mm,
            "mean_hu": piece.mean_hu,
            "rules": ", ".join(piece.rules),
            "proposed": piece.proposal,
            "decided": piece.decision,
        }
        records.append(
            ComponentRecord(label=label_class, voxel=piece.voxel, proposal=proposal, values=values)
        )
    return ComponentTable(columns=_COLUMNS, components=tuple(records))


_COLUMNS = (
    ComponentColumn(key="aorta_mm", title="Aorta / mm", help="Least distance to the aorta."),
    ComponentColumn(key="myocardium_mm", title="Muscle / mm", help="Mean distance to the heart muscle."),
    ComponentColumn(key="gap_mm", title="Gap / mm", help="Distance to the nearest tree with an ostium."),
    ComponentColumn(key="mean_hu", title="HU", help="Mean value of the image.", decimals=0),
    ComponentColumn(key="rules", title="Rules", help="Rules that the piece hit."),
    ComponentColumn(
        key="proposed", title="Proposed", help="What the rules propose; nothing is done by itself."
    ),
    ComponentColumn(key="decided", title="Decided", help="What a person decided before this run."),
)
