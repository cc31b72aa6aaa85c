"""A figure drawn into a PNG: its SVG at a resolution, with the resolution written into the file."""

from __future__ import annotations

import uuid
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

MM_PER_INCH = 25.4


def write_png(svg: str, path: Path, dpi: int) -> None:
    """Draw an SVG; safe on a thread. Written under a temporary name and put in place.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    renderer = QSvgRenderer(QByteArray(svg.encode("utf-8")))
    size_mm = renderer.viewBoxF().size()
    dots = dpi / MM_PER_INCH
    image = QImage(round(size_mm.width() * dots), round(size_mm.height() * dots), QImage.Format.Format_RGB32)
    image.setDotsPerMeterX(round(1000 * dots))
    image.setDotsPerMeterY(round(1000 * dots))
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
    renderer.render(painter)
    painter.end()
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        if not image.save(str(temporary), "PNG"):
            raise OSError(f"{path.name} could not be written")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
