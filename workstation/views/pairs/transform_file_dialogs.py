"""Questions for files of transforms."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

_DEFAULT = ".tfm"


def _tr(text: str) -> str:
    return QCoreApplication.translate("TransformFileDialogs", text)


def ask_transform_place(parent: QWidget, start: Path) -> tuple[Path, bool] | None:
    """Ask where a transform is written; None when nothing was chosen.

    Returns
    -------
    path : Path
        Ending in ``.tfm`` when no ending was given.
    may_replace : bool
        Whether the dialog asked about this very name.
    """
    kinds = (
        _tr("ITK transform (*.tfm)"),
        _tr("ITK transform, HDF5 (*.h5)"),
        _tr("Homography JSON (*.json)"),
    )
    chosen, kind = QFileDialog.getSaveFileName(parent, _tr("Export transform"), str(start), ";;".join(kinds))
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix:
        return path, True
    suffix = next((end for end in (".h5", ".json") if f"*{end}" in kind), _DEFAULT)
    return path.with_name(path.name + suffix), False


def ask_transform(parent: QWidget, start: Path) -> Path | None:
    """Ask for the file of a transform; None when nothing was chosen."""
    kind = _tr("Transforms (*.tfm *.h5 *.json)")
    chosen, _kind = QFileDialog.getOpenFileName(parent, _tr("Transform from file"), str(start), kind)
    return Path(chosen) if chosen else None
