"""What the table of pairs shows: its columns, with what a cell says and what it is sorted by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

from workstation.views.protocols.pairs import PairRow

Key = tuple[float, ...] | tuple[str, ...] | None
"""What a cell is sorted by; None is missing, and last in either direction."""

MISSING = "–"


def table_text(text: str) -> str:
    """Return a text of the table in the language of the window."""
    return QCoreApplication.translate("KeypointTable", text)


STATES: dict[str, str] = {
    "placed": QT_TRANSLATE_NOOP("KeypointTable", "● placed"),
    "half": QT_TRANSLATE_NOOP("KeypointTable", "◐ half"),
    "predicted": QT_TRANSLATE_NOOP("KeypointTable", "○ predicted"),
    "excluded": QT_TRANSLATE_NOOP("KeypointTable", "◌ excluded"),
    "not_visible": QT_TRANSLATE_NOOP("KeypointTable", "✕ not visible"),
}


_NOT_IN_FIXED = QT_TRANSLATE_NOOP("KeypointTable", "✕ not visible (fixed)")
_NOT_IN_MOVING = QT_TRANSLATE_NOOP("KeypointTable", "✕ not visible (moving)")


def state_text(state: str) -> str:
    """Return a state for a person, with its shape before the word."""
    return table_text(STATES.get(state, state))


def _unseen_side(row: PairRow) -> str:
    """Return in which image a pair is not visible; empty for every other state."""
    if row.state != "not_visible":
        return ""
    if row.moving_xy is None and row.fixed_xy is not None:
        return table_text(_NOT_IN_MOVING)
    return table_text(_NOT_IN_FIXED) if row.fixed_xy is None and row.moving_xy is not None else ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Parameters
    ----------
    key : str
    title, help : str
        English; `help` says what it is and in which unit.
    text : callable
        What a cell shows.
    sort_key : callable
        What it is sorted by.
    is_number : bool
        Whether it stands on the right.
    """

    key: str
    title: str
    help: str
    text: Callable[[PairRow], str]
    sort_key: Callable[[PairRow], Key]
    is_number: bool = False


def _number(key: str, title: str, tip: str, value: Callable[[PairRow], float | None]) -> Column:
    def text(row: PairRow) -> str:
        number = value(row)
        return MISSING if number is None else f"{number:.2f}"

    def sort_key(row: PairRow) -> Key:
        number = value(row)
        return None if number is None else (number,)

    return Column(key, title, tip, text, sort_key, is_number=True)


def _place(side: str, title: str) -> Column:
    def point(row: PairRow) -> tuple[float, float] | None:
        return row.fixed_xy if side == "fixed" else row.moving_xy

    def text(row: PairRow) -> str:
        xy = point(row)
        return MISSING if xy is None else f"{xy[0]:.2f}, {xy[1]:.2f}"

    tip = QT_TRANSLATE_NOOP(
        "KeypointTable",
        "Pixels to the right and down; the centre of the first pixel is 0, 0. Sorted by x, then by y.",
    )
    return Column(side, title, tip, text, point, is_number=True)


def _word(key: str, title: str, tip: str, value: Callable[[PairRow], str]) -> Column:
    # Upper and lower case stand together.
    return Column(key, title, tip, value, lambda row: (value(row).casefold(),) if value(row) else None)


def _label_key(row: PairRow) -> Key:
    # "10" comes after "9".
    return (row.label.zfill(12) if row.label.isdigit() else row.label.casefold(),)


COLUMNS: tuple[Column, ...] = (
    Column(
        "label",
        QT_TRANSLATE_NOOP("KeypointTable", "Pair"),
        QT_TRANSLATE_NOOP("KeypointTable", "Its number, as beside the points."),
        lambda row: row.label,
        _label_key,
    ),
    _word(
        "state",
        QT_TRANSLATE_NOOP("KeypointTable", "State"),
        QT_TRANSLATE_NOOP("KeypointTable", "Only placed pairs with both points are used."),
        lambda row: _unseen_side(row) or state_text(row.state),
    ),
    _place("fixed", QT_TRANSLATE_NOOP("KeypointTable", "Fixed x, y [px]")),
    _place("moving", QT_TRANSLATE_NOOP("KeypointTable", "Moving x, y [px]")),
    _number(
        "fit",
        QT_TRANSLATE_NOOP("KeypointTable", "Fit [px]"),
        QT_TRANSLATE_NOOP(
            "KeypointTable",
            "Distance in pixels of the fixed image between the mapped moving point and its partner.",
        ),
        lambda row: row.fit_px,
    ),
    _number(
        "loo",
        QT_TRANSLATE_NOOP("KeypointTable", "Left out [px]"),
        QT_TRANSLATE_NOOP(
            "KeypointTable",
            "The same under the transform fitted without this pair: the honest residual, in fixed pixels.",
        ),
        lambda row: row.loo_px,
    ),
    _number(
        "score",
        QT_TRANSLATE_NOOP("KeypointTable", "Score"),
        QT_TRANSLATE_NOOP("KeypointTable", "How sure the method was that suggested it, 0 to 1."),
        lambda row: row.score,
    ),
    _word(
        "annotator",
        QT_TRANSLATE_NOOP("KeypointTable", "By"),
        QT_TRANSLATE_NOOP("KeypointTable", "Who placed it."),
        lambda row: row.annotator,
    ),
    _word(
        "source",
        QT_TRANSLATE_NOOP("KeypointTable", "Source"),
        QT_TRANSLATE_NOOP(
            "KeypointTable", "By hand, imported, from another item, or the run that suggested it."
        ),
        lambda row: row.source,
    ),
    Column(
        "use",
        QT_TRANSLATE_NOOP("KeypointTable", "Use"),
        QT_TRANSLATE_NOOP("KeypointTable", "Whether the pair counts for the fit and for training (Space)."),
        lambda _row: "",
        lambda row: (float(row.state == "placed"),),
    ),
)
COLUMN_OF = {column.key: index for index, column in enumerate(COLUMNS)}
