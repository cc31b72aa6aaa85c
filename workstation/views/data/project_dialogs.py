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
    """Ask for the files to import; empty when nothing was chosen."""
    kinds = (
        _tr("All files (*)"),
        _tr("Tables (*.csv *.tsv *.txt)"),
        _tr("Images (*.png *.jpg *.jpeg *.tif *.tiff *.bmp *.gif)"),
        _tr("Volumes (*.nii *.nii.gz *.nrrd *.nhdr *.mha *.mhd *.h5 *.hdf5 *.dcm)"),
    )
    paths, _kind = QFileDialog.getOpenFileNames(parent, _tr("Import files"), str(start), ";;".join(kinds))
    return [Path(path) for path in paths]


def ask_image_folder(parent: QWidget, start: Path) -> Path | None:
    """Ask for a folder of images; None when nothing was chosen."""
    folder = QFileDialog.getExistingDirectory(parent, _tr("Folder of images"), str(start))
    return Path(folder) if folder else None
