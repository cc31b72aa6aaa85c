"""All used keypoint pairs in one table, which can be imported again."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from engines.contract.manifest import KEYPOINT_COLUMNS
from workstation.project.items import Item
from workstation.project.project import Project


def keypoints_as_csv(project: Project, items: Sequence[Item]) -> str:
    """Return the used pairs of items, 0-based pixel centres, as CSV in `KEYPOINT_COLUMNS`."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(KEYPOINT_COLUMNS)
    for item in items:
        for pair in project.keypoints.pairs(item.id):
            if pair.is_used and pair.fixed_xy is not None and pair.moving_xy is not None:
                numbers = (f"{value:.4f}" for value in (*pair.fixed_xy, *pair.moving_xy))
                writer.writerow([item.id, pair.label, *numbers])
    return buffer.getvalue()
