"""Questions for folders and tables of projects."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget


def _tr(text: str) -> str:
    return QCoreApplication.translate("ProjectDialogs", text)


def ask_project(parent: QWidget, start: Path) -> Path | None:
    """Ask which project to open; None when nothing was chosen."""
    folder = QFileDialog.getExistingDirectory(parent, _tr("Open project"), str(start))
    return Path(folder) if folder else None


def ask_new_folder(parent: QWidget, start: Path) -> Path | None:
    """Ask where a new project is made; None when nothing was chosen."""
    folder = QFileDialog.getExistingDirectory(parent, _tr("Empty folder for the new project"), str(start))
    return Path(folder) if folder else None


def ask_tables(parent: QWidget, start: Path) -> list[Path]:
    """Ask for the tables to import; empty when nothing was chosen."""
    paths, _kind = QFileDialog.getOpenFileNames(
        parent, _tr("Import table"), str(start), _tr("Tables (*.csv *.tsv *.txt)")
    )
    return [Path(path) for path in paths]
