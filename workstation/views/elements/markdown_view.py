"""A page of Markdown in the colours of the window; nothing is ever fetched from a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QUrl, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
)
from PySide6.QtWidgets import QTextBrowser, QWidget

from workstation.views.elements.theme import current_theme, palette
from workstation.views.window.help_pages import slug

_HEADING_POINTS = {1: 17.0, 2: 13.0, 3: 11.0}
_LINE_HEIGHT_PERCENT = 125
_MARGIN_PX = 18


class MarkdownView(QTextBrowser):
    """Shows Markdown; images come from one folder on this machine only.

    Signals
    -------
    linkClicked : str
        As the page writes it: another page, ``#heading``, or an address.
    """

    linkClicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._markdown = ""
        self._folder: Path | None = None
        self.setOpenLinks(False)
        self.setOpenExternalLinks(False)
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(_MARGIN_PX)
        self.anchorClicked.connect(lambda url: self.linkClicked.emit(url.toString()))

    def show_markdown(self, markdown: str, folder: Path | None = None) -> None:
        """Show a page from the top; `folder` holds its images."""
        self._markdown, self._folder = markdown, folder
        self.document().setMarkdown(markdown, QTextDocument.MarkdownFeature.MarkdownDialectGitHub)
        _dress(self.document())
        self.moveCursor(QTextCursor.MoveOperation.Start)
        self.verticalScrollBar().setValue(0)

    def scroll_to(self, heading: str) -> bool:
        """Bring the heading of a slug to the top; tell whether there is one."""
        block = self.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and slug(block.text()) == heading:
                area = self.document().documentLayout().blockBoundingRect(block)
                self.verticalScrollBar().setValue(int(area.top()))
                return True
            block = block.next()
        return False

    def markdown(self) -> str:
        """Return what is shown, as it was given."""
        return self._markdown

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load a picture that lies beside the page; nothing else."""
        address = QUrl(name)
        if self._folder is None or not address.isRelative():
            return None
        path = (self._folder / address.path()).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file():
            return None
        return super().loadResource(kind, QUrl.fromLocalFile(str(path)))

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and self._markdown:
            place = self.verticalScrollBar().value()
            self.show_markdown(self._markdown, self._folder)
            self.verticalScrollBar().setValue(place)


def _dress(document: QTextDocument) -> None:
    """Give headings, keys, links and tables the look of the window."""
    colours = {name: QColor(value) for name, value in palette(current_theme()).items()}
    # One edit: a long page is laid out once, and not for every block.
    edit = QTextCursor(document)
    edit.beginEditBlock()
    block = document.begin()
    while block.isValid():
        _dress_block(block, colours)
        block = block.next()
    for frame in document.rootFrame().childFrames():
        if isinstance(frame, QTextTable):
            _dress_table(frame, colours)
    edit.endEditBlock()


def _dress_block(block: QTextBlock, colours: dict[str, QColor]) -> None:
    cursor = QTextCursor(block)
    level = block.blockFormat().headingLevel()
    form = QTextBlockFormat()
    form.setLineHeight(_LINE_HEIGHT_PERCENT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    if level:
        form.setTopMargin(0 if level == 1 else 16)
        form.setBottomMargin(4)
    elif block.previous().isValid() and block.previous().textList() is not None and block.textList() is None:
        form.setTopMargin(8)
    cursor.mergeBlockFormat(form)
    pieces = block.begin()
    found = []
    while not pieces.atEnd():
        piece = pieces.fragment()
        found.append((piece.position(), piece.length(), piece.charFormat()))
        pieces += 1
    for position, length, before in found:
        look = QTextCharFormat()
        if level:
            look.setFontPointSize(_HEADING_POINTS.get(level, 10.5))
            look.setFontWeight(QFont.Weight.DemiBold)
        if before.fontFixedPitch():
            look.setBackground(QBrush(colours["raised"]))
        if before.isAnchor():
            look.setForeground(QBrush(colours["accent"]))
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(look)


def _dress_table(table: QTextTable, colours: dict[str, QColor]) -> None:
    look = table.format()
    look.setBorder(1)
    look.setBorderCollapse(True)
    look.setBorderBrush(QBrush(colours["border"]))
    look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    look.setCellPadding(5)
    look.setCellSpacing(0)
    look.setTopMargin(6)
    look.setBottomMargin(8)
    look.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
    table.setFormat(look)
    for column in range(table.columns()):
        cell = table.cellAt(0, column)
        form = cell.format().toTableCellFormat()
        form.setBackground(QBrush(colours["raised"]))
        cell.setFormat(form)
