"""The two images of an item: which files they are, what is said of them, their pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal

from engines.contract.kinds import FileKind
from engines.contract.messages import Message
from engines.imaging.images import read_image
from engines.imaging.pyramid import ImagePyramid, needs_pyramid, open_pyramid
from workstation.controllers.background import Background, CancelToken
from workstation.project.items import Item, ItemFile
from workstation.views.protocols.pairs import Image

SIDES = ("fixed", "moving")

Files = tuple[ItemFile | None, ItemFile | None]
Picture: TypeAlias = Image | ImagePyramid
Pictures: TypeAlias = tuple[Picture | None, Picture | None]
_CHANNEL = "pairs.images"


def files_of(item: Item) -> Files:
    """Return fixed and moving; a single image stands on the left, with nothing to pair it with."""
    fixed, moving = (item.files.get(role) for role in SIDES)
    if fixed is None:
        fixed = next((file for file in item.files.values() if file.kind is FileKind.IMAGE), None)
    return fixed, moving


def read_images(
    files: Files,
    *,
    progress: Callable[[float], None] | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> Pictures:
    """Read both images; slow, so it is called on a thread.

    One over 100 million pixels is opened as a pyramid, which is made the first time.

    Raises
    ------
    WorkstationError
        If a file is no longer there, or is another, or is no image.
    PyramidCancelledError
        If `is_cancelled` said so.
    """
    fixed, moving = (None if file is None else _read(file, progress, is_cancelled) for file in files)
    return fixed, moving


def whole_images(pictures: Pictures) -> tuple[Image | None, Image | None]:
    """Return the images whose pixels are all in memory; None in place of a pyramid."""
    fixed, moving = (None if isinstance(picture, ImagePyramid) else picture for picture in pictures)
    return fixed, moving


def caption(file: ItemFile | None) -> str:
    """Return modality and size of a file."""
    if file is None:
        return ""
    size = f"{file.width} × {file.height} px" if file.width else ""
    return "   ".join(part for part in (file.modality or "", size) if part)


class ImageReader(QObject):
    """Reads the images of one item at a time; asking for others ends what is under way.

    Signals
    -------
    progressed : Message
        How far a large image is.
    """

    progressed = Signal(object)
    _shared = Signal(object, float)  # from the thread: token, share

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._token = CancelToken()
        self._shared.connect(self._on_shared)

    def read(
        self,
        files: Files,
        done: Callable[[Pictures], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Read on a thread; the answers come on the thread of the window."""
        self.drop()
        token = self._token = CancelToken()
        self._background.submit(
            _CHANNEL,
            lambda: read_images(
                files,
                progress=lambda share: self._shared.emit(token, share),
                is_cancelled=token.is_cancelled,
            ),
            done,
            failed,
            is_urgent=True,
        )

    def drop(self) -> None:
        """Stop reading."""
        self._token.cancel()
        self._background.drop(_CHANNEL)

    def _on_shared(self, token: CancelToken, share: float) -> None:
        if token is self._token and not token.is_cancelled():
            text = "Preparing a large image for the screen: {percent} %. Choose another item to stop."
            self.progressed.emit(Message(text, {"percent": round(100 * share)}))


def _read(
    file: ItemFile,
    progress: Callable[[float], None] | None,
    is_cancelled: Callable[[], bool] | None,
) -> Picture:
    path = file.require()
    if needs_pyramid(file.width, file.height):
        return open_pyramid(path, file.sha256, progress=progress, is_cancelled=is_cancelled)
    return read_image(path)
