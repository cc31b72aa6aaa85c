"""The help window: a searchable list of pages, and the page beside it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from workstation.views.elements.markdown_view import MarkdownView
from workstation.views.window.help_pages import FIRST_PAGE, HelpPages

SIZE = QSize(980, 660)
_KEY = Qt.ItemDataRole.UserRole


class HelpView(QDialog):
    """Stands beside the window and does not block it.

    Parameters
    ----------
    pages : HelpPages
    """

    def __init__(self, pages: HelpPages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pages = pages
        self._visited: list[str] = []
        self.setWindowTitle(self.tr("Help"))
        self.resize(SIZE)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(self.tr("Search all pages"))
        self.search.setAccessibleName(self.tr("Search all pages"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._list)
        self.search.returnPressed.connect(self._open_first)
        self.list = QListWidget(self)
        self.list.setAccessibleName(self.tr("Help pages"))
        self.list.setWordWrap(True)
        self.list.setSpacing(1)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentItemChanged.connect(self._on_chosen)
        self.page = MarkdownView(self)
        self.page.setAccessibleName(self.tr("Help page"))
        self.page.linkClicked.connect(self.follow)
        self.back = QToolButton(self)
        self.back.setText(self.tr("‹ Back"))
        self.back.setToolTip(self.tr("Go to the page before (Alt+Left)"))
        self.back.setEnabled(False)
        self.back.clicked.connect(self.go_back)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Back), self, self.go_back)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self.search.setFocus)
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(10, 10, 4, 10)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self.back)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal, self)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(left)
        splitter.addWidget(self.page)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([270, 710])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)
        self._list("")

    @property
    def current(self) -> str:
        """Key of the page that is shown; empty before the first."""
        return self._visited[-1] if self._visited else ""

    def open_page(self, key: str = FIRST_PAGE, heading: str = "") -> None:
        """Show a page, and the window in front; a key without a page opens the first one."""
        self.show_page(key if key in self._pages.keys else FIRST_PAGE, heading)
        self.show()
        self.raise_()
        self.activateWindow()

    def show_page(self, key: str, heading: str = "") -> None:
        """Show a page, from a heading on when its slug is given."""
        if key != self.current:
            self._visited.append(key)
            self.page.show_markdown(self._pages.text(key), self._pages.path(key).parent)
        if heading:
            self.page.scroll_to(heading)
        self.back.setEnabled(len(self._visited) > 1)
        self._mark()

    def follow(self, link: str) -> None:
        """Follow a link of a page: to another page, or a heading."""
        target, _hash, heading = link.partition("#")
        self.show_page(target.removesuffix(".md") or self.current, heading)

    def go_back(self) -> None:
        """Go to the page before."""
        if len(self._visited) > 1:
            self._visited.pop()
            self.show_page(self._visited.pop())

    def _list(self, words: str) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for hit in self._pages.search(words):
            entry = QListWidgetItem(f"{hit.title}\n{hit.excerpt}" if hit.excerpt else hit.title)
            entry.setData(_KEY, hit.key)
            self.list.addItem(entry)
        self.list.blockSignals(False)
        self._mark()

    def _mark(self) -> None:
        self.list.blockSignals(True)
        for row in range(self.list.count()):
            if self.list.item(row).data(_KEY) == self.current:
                self.list.setCurrentRow(row)
        self.list.blockSignals(False)

    def _on_chosen(self, entry: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if entry is not None:
            self.show_page(str(entry.data(_KEY)))

    def _open_first(self) -> None:
        if self.list.count():
            self.list.setCurrentRow(0)
            self.show_page(str(self.list.item(0).data(_KEY)))
            self.page.setFocus()
