"""What the first steps in a project left in it."""

from __future__ import annotations

from sqlalchemy import exists, select

from engines.contract.kinds import ItemKind
from workstation.project.project import Project
from workstation.project.schema import PairRow

SAMPLE_SETTING = "sample"
"""Setting of a project that says it was made as the sample project."""
BY_HAND = "manual"
PAIR_ROLES = ("fixed", "moving")


def has_pair_by_hand(project: Project) -> bool:
    """Tell whether a person placed both points of a pair that is still there."""
    with project.store.read() as session:
        query = select(
            exists().where(
                PairRow.source == BY_HAND,
                PairRow.is_deleted.is_(False),
                PairRow.fixed_x.is_not(None),
                PairRow.moving_x.is_not(None),
            )
        )
        return bool(session.scalar(query))


def first_image_pair(project: Project, current: str) -> str:
    """Return the current item when it holds two images, else the first that does; empty for none."""
    pairs = [item for item in project.items.of_kind(ItemKind.IMAGE_PAIR) if item.has(*PAIR_ROLES)]
    ids = [item.id for item in sorted(pairs, key=lambda item: (item.subject, item.id))]
    return current if current in ids else next(iter(ids), "")
