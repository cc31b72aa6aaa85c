"""The whole project as one JSON object.

::

    {
      "format": "workstation-project", "version": 1,
      "coordinates": how points count, "exported": ISO 8601 in UTC,
      "project": {"id", "name", "folder"}, "split_hash": str,
      "items": [{
        "id", "subject", "visit", "laterality", "kind", "split", "status",
        "files": {role: {"path": absolute, "kind", "sha256", "size_bytes", "modality", "width", "height"}},
        "keypoint_pairs": [{"id", "label", "fixed_xy", "moving_xy", "state", "annotator", "source",
                            "revision", "created", "changed"}]
      }],
      "history": [{"sequence", "action", "item", "kind", "title", "annotator", "at", "is_undone"}],
      "runs": [{"id", "folder"}]
    }

`fixed_xy` and `moving_xy` are ``[x, y]`` in pixels, or null while that side is not placed. History is
oldest first. Unknown values are null.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from engines.contract.geometry import PIXEL_CONVENTION
from workstation.project.annotations import KeypointPair
from workstation.project.history import StoredCommand
from workstation.project.items import Item
from workstation.project.project import Project
from workstation.project.store import now

FORMAT_VERSION = 1


def everything_as_json(project: Project) -> str:
    """Return the project as indented JSON."""
    content = {
        "format": "workstation-project",
        "version": FORMAT_VERSION,
        "coordinates": PIXEL_CONVENTION,
        "exported": now(),
        "project": {"id": project.id, "name": project.name, "folder": str(project.folder)},
        "split_hash": project.splits.hash(),
        "items": [
            {**_item(item, project.keypoints.pairs(item.id)), "label_maps": _label_maps(project, item.id)}
            for item in project.items.all()
        ],
        "history": [_entry(entry) for entry in reversed(project.history.list(limit=sys.maxsize))],
        "runs": [{"id": folder.name, "folder": str(folder)} for folder in project.runs.folders()],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _item(item: Item, pairs: list[KeypointPair]) -> dict[str, Any]:
    return {
        "id": item.id,
        "subject": item.subject,
        "visit": item.visit,
        "laterality": item.laterality,
        "kind": item.kind.value,
        "split": None if item.split is None else item.split.value,
        "status": item.status,
        "files": {
            role: {
                "path": str(file.path),
                "kind": file.kind.value,
                "sha256": file.sha256,
                "size_bytes": file.size_bytes,
                "modality": file.modality,
                "width": file.width,
                "height": file.height,
                "spacing_mm": file.spacing_mm,
            }
            for role, file in item.files.items()
        },
        "keypoint_pairs": [
            {
                "id": pair.id,
                "label": pair.label,
                "fixed_xy": pair.fixed_xy,
                "moving_xy": pair.moving_xy,
                "state": pair.state.value,
                "annotator": pair.annotator,
                "source": pair.source,
                "score": pair.score,
                "revision": pair.revision,
                "created": pair.created,
                "changed": pair.changed,
            }
            for pair in pairs
        ],
    }


def _label_maps(project: Project, item_id: str) -> list[dict[str, Any]]:
    # Their files are written first: JSON names them, and other programs read NIfTI.
    return [
        {
            "id": label_map.id,
            "name": label_map.name,
            "state": label_map.state.value,
            "annotator": label_map.annotator,
            "source": label_map.source,
            "path": str(project.label_maps.write(label_map.id)),
            "created": label_map.created,
            "changed": label_map.changed,
        }
        for label_map in project.label_maps.of_item(item_id)
    ]


def _entry(entry: StoredCommand) -> dict[str, Any]:
    return {
        "sequence": entry.sequence,
        "action": entry.action,
        "item": entry.item_id,
        "kind": entry.kind,
        "title": str(entry.title),
        "annotator": entry.annotator,
        "at": entry.at,
        "is_undone": entry.is_undone,
    }
