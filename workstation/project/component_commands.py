"""The edit that says of components of a label map whether a person looked at them and accepts them.

A component has no id: it is named by one of its voxels, and whatever piece holds that voxel later is the
accepted one, also after strokes at its border. What holds is read from the journal, see
`component_review`, so undo, redo and a restart need no further record.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from engines.contract.errors import GeometryError
from engines.contract.messages import Message
from workstation.project.history import Command, Edit, Outcome
from workstation.project.label_maps import living

JUDGE = "judge_components"


@dataclass(frozen=True)
class JudgeComponents(Command):
    """Accept components, or take that back.

    Parameters
    ----------
    label_map_id : str
    label : int
        Their class.
    voxels : tuple of (i, j, k)
        One voxel of each.
    is_accepted : bool
        False: they count as not looked at again.
    """

    kind: ClassVar[str] = JUDGE
    label_map_id: str
    label: int
    voxels: tuple[tuple[int, int, int], ...]
    is_accepted: bool = True

    def apply(self, edit: Edit) -> Outcome:
        """Look that the voxels lie in the label map; the entry itself is the record."""
        row = living(edit.session, self.label_map_id)
        for voxel in self.voxels:
            if not all(0 <= at < count for at, count in zip(voxel, row.shape, strict=True)):
                raise GeometryError(
                    "Voxel {voxel} does not lie in the label map '{name}'.", voxel=voxel, name=row.name
                )
        return Outcome(row.item_id, self._title(row.name), {"label_map": row.id})

    @classmethod
    def revert(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Do nothing: the journal says that the entry no longer holds."""

    @classmethod
    def reapply(cls, edit: Edit, effect: dict[str, Any]) -> None:
        """Do nothing: the journal says that the entry holds again."""

    def _title(self, name: str) -> Message:
        if not self.is_accepted:
            return Message("take back the acceptance in {name}", {"name": name})
        if len(self.voxels) == 1:
            return Message("accept component of {name}", {"name": name})
        return Message("accept {n} components of {name}", {"n": len(self.voxels), "name": name})
