"""Components as a Qt model: the usual columns, and those that a pipeline brings as data."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QObject

from engines.contract.component_table import ComponentColumn
from workstation.views.elements.line_model import Column, Index, LineModel, ShownLines, brought_columns
from workstation.views.protocols.components import ACCEPTED, OPEN, REJECTED, ComponentLine


def table_text(text: str) -> str:
    """Return a text of the table in the language of the window."""
    return QCoreApplication.translate("ComponentTable", text)


STATES: dict[str, str] = {
    OPEN: QT_TRANSLATE_NOOP("ComponentTable", "○ open"),
    ACCEPTED: QT_TRANSLATE_NOOP("ComponentTable", "✓ accepted"),
    REJECTED: QT_TRANSLATE_NOOP("ComponentTable", "✕ rejected"),
}
_PROPOSALS: dict[str, str] = {
    "": "",
    "accept": QT_TRANSLATE_NOOP("ComponentTable", "accept"),
    "reject": QT_TRANSLATE_NOOP("ComponentTable", "reject"),
}
_STATE_ORDER = (OPEN, ACCEPTED, REJECTED)


def usual_columns(unit: str) -> tuple[Column, ...]:
    """Return the columns of every label map; `unit` is that of intensities."""
    mean = table_text("Mean ({unit})").format(unit=unit) if unit else table_text("Mean")
    return (
        Column(
            "number",
            "#",
            table_text("By size: 1 is the largest."),
            lambda line: line.number or None,
        ),
        Column(
            "state",
            table_text("State"),
            table_text("What you decided: Y accepts, N rejects."),
            lambda line: float(_STATE_ORDER.index(line.state)),
            is_number=False,
            words=lambda line: table_text(STATES[line.state]),
        ),
        Column(
            "volume",
            table_text("Volume (mL)"),
            table_text("Voxels times their size."),
            lambda line: line.volume_ml,
            3,
        ),
        Column("voxels", table_text("Voxels"), table_text("How many."), lambda line: line.num_voxels),
        Column(
            "length",
            table_text("Length (mm)"),
            table_text("Of its centre line; missing for what is too large to be a vessel."),
            lambda line: line.length_mm,
            1,
        ),
        Column(
            "mean",
            mean,
            table_text("Mean intensity of the image over it."),
            lambda line: line.mean_intensity,
            1,
        ),
    )


def _brought(columns: Sequence[ComponentColumn], lines: Sequence[ComponentLine]) -> list[Column]:
    """Return the columns that a pipeline brings, with its suggestion when it makes any."""
    found = brought_columns(columns, lines)
    if any(line.proposal for line in lines):
        found.append(
            Column(
                "proposal",
                table_text("Suggestion"),
                table_text("What the run that made the label map would do."),
                lambda line: line.proposal or None,
                is_number=False,
                words=lambda line: table_text(_PROPOSALS[line.proposal]),
            )
        )
    return found


class ComponentModel(LineModel):
    """The lines as a table."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(usual_columns(""), parent)

    def set_lines(
        self, lines: Sequence[ComponentLine], brought: Sequence[ComponentColumn], unit: str
    ) -> None:
        """Show components; `unit` is that of intensities."""
        self.show(lines, [*usual_columns(unit), *_brought(brought, lines)])

    def colour(self, line: ComponentLine, column: Column) -> str:
        """Return the colour of an accepted state; what was rejected is pale."""
        if line.state == REJECTED:
            return "muted"
        return "done" if column.key == "state" and line.state == ACCEPTED else ""


class ShownComponents(ShownLines):
    """Order and filter of the table; a missing value is last in either direction."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._smallest_ml = 0.0
        self._state: str | None = None

    def set_filter(self, smallest_ml: float, state: str | None) -> None:
        """Show only components from a volume on, and of one state; None: of any."""
        if (smallest_ml, state) != (self._smallest_ml, self._state):
            self._smallest_ml, self._state = smallest_ml, state
            self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Tell whether a component is shown."""
        line = self.lines().line(source_row)
        return line.volume_ml >= self._smallest_ml and self._state in (None, line.state)
