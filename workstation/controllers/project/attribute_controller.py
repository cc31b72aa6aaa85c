"""What is said of the current case as a whole: read from the journal, changed by edits of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from engines.contract.kinds import AnnotationKind
from engines.contract.messages import Message
from engines.contract.registry import all_specs
from engines.contract.spec import AttributeSpec
from workstation.controllers.pairs.pair_edits import execute
from workstation.controllers.workbench import Workbench
from workstation.project.grade_commands import ANNOTATED, SetGrades
from workstation.project.grades import Grade
from workstation.project.history import Command
from workstation.project.items import Item
from workstation.views.protocols.attributes import AttributeListView, AttributeRow

BY_HAND = Message("By hand")
_EDITS: dict[AnnotationKind, Callable[[str, str | None], Command]] = {
    AnnotationKind.GRADE: lambda item_id, value: SetGrades({item_id: value}),
}
"""The edit of each kind of attribute."""


class AttributeController(QObject):
    """Behind the list of attributes.

    Parameters
    ----------
    workbench : Workbench
    view : AttributeListView

    Attributes
    ----------
    rows : list of AttributeRow

    Signals
    -------
    changed
        Other attributes are asked for, or one has another value.
    """

    changed = Signal()

    def __init__(self, workbench: Workbench, view: AttributeListView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bench = workbench
        self._view = view
        self.rows: list[AttributeRow] = []
        workbench.project_changed.connect(self.look)
        workbench.data_changed.connect(self.look)
        workbench.item_changed.connect(self.look)

    def look(self, *_: object) -> None:
        """Read anew what holds of the current case."""
        rows = self._read()
        if rows != self.rows:
            self.rows = rows
            self._view.show_rows(rows)
            self.changed.emit()

    def choose(self, key: str, value: str) -> None:
        """Say a value of the case; empty takes it away."""
        row = next((row for row in self.rows if row.key == key), None)
        if row is not None and value != row.value:
            edit = _EDITS[AnnotationKind(key)](self._bench.item_id, value or None)
            if execute(self._bench, edit):
                self.look()
        # Also after a refusal: the list must show what holds.
        self._view.show_rows(self.rows)

    def step(self) -> None:
        """Give the first attribute its next value; after the last comes none."""
        if self.rows:
            row = self.rows[0]
            values = ("", *row.values)
            place = values.index(row.value) if row.value in values else -1
            self.choose(row.key, values[(place + 1) % len(values)])

    def _read(self) -> list[AttributeRow]:
        project, item_id = self._bench.project, self._bench.item_id
        if project is None or not item_id:
            return []
        asked = attributes_of(project.items.get(item_id))
        grade = project.grades().get(item_id) if asked else None
        return [_row(spec, grade) for spec in asked]


def _row(spec: AttributeSpec, said: Grade | None) -> AttributeRow:
    row = AttributeRow(spec.kind.value, spec.title, spec.values, spec.note)
    if said is None:
        return row
    source = BY_HAND if said.source == ANNOTATED else Message("{source}", {"source": said.source})
    return replace(row, value=said.value, source=source, annotator=said.annotator, at=said.at)


def attributes_of(item: Item) -> list[AttributeSpec]:
    """Return what pipelines ask of an item of this kind; the first that asks of a kind decides."""
    found: dict[AnnotationKind, AttributeSpec] = {}
    for spec in all_specs():
        if item.kind in spec.item_kinds:
            for attribute in spec.attributes:
                if attribute.kind in _EDITS:
                    found.setdefault(attribute.kind, attribute)
    return list(found.values())
