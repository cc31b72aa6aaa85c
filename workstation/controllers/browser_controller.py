"""What the data browser lists of a project."""

from __future__ import annotations

from workstation.project.project import Project
from workstation.views.protocols import BrowserRow


def browser_rows(project: Project) -> list[BrowserRow]:
    """Return one row for each item, ordered by subject and item."""
    rows = []
    counts = project.keypoints.counts()
    for item in sorted(project.items.all(), key=lambda item: (item.subject, item.id)):
        images = [file.modality for file in item.files.values() if file.modality]
        rows.append(
            BrowserRow(
                item_id=item.id,
                subject=item.subject,
                modalities=" + ".join(dict.fromkeys(images)),
                split=item.split.value if item.split is not None else "",
                num_pairs=counts.get(item.id, 0),
            )
        )
    return rows
