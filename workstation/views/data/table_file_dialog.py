"""Question where a table is written."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

_ENDING = ".csv"


def _tr(text: str) -> str:
    return QCoreApplication.translate("TableFileDialog", text)


def ask_table_file(parent: QWidget, start: Path) -> tuple[Path, bool] | None:
    """Ask for the file of a table; None when nothing was chosen.

    Returns
    -------
    path : Path
        Ending in ``.csv`` when no ending was given.
    may_replace : bool
        Whether the dialog asked about this very name: not when the ending was added to it.
    """
    chosen, _kind = QFileDialog.getSaveFileName(
        parent, _tr("Export table"), str(start), _tr("Tables (*.csv)")
    )
    if not chosen:
        return None
    path = Path(chosen)
    return (path, True) if path.suffix else (path.with_name(path.name + _ENDING), False)
