"""The review queue as a Qt model: gate, decision, item, rules, size of the change, and what a run brings."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, QObject

from engines.contract.item_review import ReviewColumn
from workstation.translation import readable, translate, translate_message
from workstation.views.elements.line_model import (
    MISSING,
    Column,
    Index,
    LineModel,
    ShownLines,
    brought_columns,
)
from workstation.views.protocols.review import ACCEPTED, LATER, OPEN, REJECTED, ReviewLine


def queue_text(text: str) -> str:
    """Return a text of the queue in the language of the window."""
    return QCoreApplication.translate("ReviewQueue", text)


GATES: dict[str, str] = {
    "reject": QT_TRANSLATE_NOOP("ReviewQueue", "✘ reject"),
    "review": QT_TRANSLATE_NOOP("ReviewQueue", "▲ review"),
    "accept": QT_TRANSLATE_NOOP("ReviewQueue", "✔ accept"),
    "": QT_TRANSLATE_NOOP("ReviewQueue", "not judged"),
}
DECISIONS: dict[str, str] = {
    OPEN: QT_TRANSLATE_NOOP("ReviewQueue", "○ open"),
    LATER: QT_TRANSLATE_NOOP("ReviewQueue", "◷ later"),
    ACCEPTED: QT_TRANSLATE_NOOP("ReviewQueue", "✓ accepted"),
    REJECTED: QT_TRANSLATE_NOOP("ReviewQueue", "✕ rejected"),
}
_GATE_COLOURS = {"reject": "failed", "review": "warning", "accept": "done"}
_DECISION_COLOURS = {ACCEPTED: "done", REJECTED: "muted", LATER: "warning"}


def usual_columns() -> list[Column]:
    """Return the columns that every result has."""
    gates, decisions = list(GATES), list(DECISIONS)
    return [
        Column(
            "gate",
            queue_text("Gate"),
            queue_text("What the run suggests by its rules; you decide."),
            lambda line: float(gates.index(line.status)),
            is_number=False,
            words=lambda line: queue_text(GATES[line.status]),
        ),
        Column(
            "decision",
            queue_text("Decision"),
            queue_text("What you decided."),
            lambda line: float(decisions.index(line.verdict)),
            is_number=False,
            words=lambda line: queue_text(DECISIONS[line.verdict]),
        ),
        Column(
            "item", queue_text("Item"), queue_text("The case."), lambda line: line.item_id, is_number=False
        ),
        Column(
            "rules",
            queue_text("Rules"),
            queue_text("Rules of the gate that fired."),
            lambda line: ", ".join(line.rules) or None,
            is_number=False,
            words=lambda line: ", ".join(translate(readable(rule)) for rule in line.rules) or MISSING,
        ),
        Column(
            "changed",
            queue_text("Changed / mL"),
            queue_text("Volume that was added plus what was taken away."),
            lambda line: line.changed_ml,
            3,
        ),
    ]


class ReviewModel(LineModel):
    """The lines as a table."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(usual_columns(), parent)

    def set_lines(self, lines: Sequence[ReviewLine], brought: Sequence[ReviewColumn]) -> None:
        """Show results."""
        self.show(lines, [*usual_columns(), *brought_columns(brought, lines)])

    def explanation(self, line: ReviewLine) -> str:
        """Return the reasons of the gate, else where the result comes from."""
        reasons = "\n".join(translate_message(reason) for reason in line.reasons)
        return reasons or f"{line.item_id}\n{line.run_id}"

    def colour(self, line: ReviewLine, column: Column) -> str:
        """Return the colour of gate and decision; what was rejected is pale."""
        if column.key == "gate":
            return _GATE_COLOURS.get(line.status, "muted")
        if column.key == "decision":
            return _DECISION_COLOURS.get(line.verdict, "")
        return "muted" if line.verdict == REJECTED else ""


class ShownResults(ShownLines):
    """Order and filter of the queue; without a sorted column it is as the controller says."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_open_only = False

    def set_open_only(self, is_open_only: bool) -> None:
        """Show only what waits for a decision."""
        if is_open_only != self._is_open_only:
            self._is_open_only = is_open_only
            self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Tell whether a result is shown."""
        return not self._is_open_only or self.lines().line(source_row).verdict in (OPEN, LATER)
