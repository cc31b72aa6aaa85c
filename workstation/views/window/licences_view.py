"""The window of licences and citations: one page that can be read, followed and copied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from PySide6.QtCore import QSize, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from workstation.views.elements.markdown_view import MarkdownView
from workstation.views.window.help_pages import slug

SIZE = QSize(920, 660)
_HEADING = re.compile(r"^#", re.MULTILINE)


class LibraryLike(Protocol):
    """A library as this window lists it."""

    name: str
    version: str
    licence: str
    address: str


class MethodLike(Protocol):
    """Where a method comes from."""

    title: str
    text: str


class LicencesView(QDialog):
    """Stands beside the window and does not block it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Licences and citations"))
        self.resize(SIZE)
        self.page = MarkdownView(self)
        self.page.setAccessibleName(self.tr("Licences and citations"))
        self.page.linkClicked.connect(self._follow)
        self.waiting = QLabel(self.tr("Asking the installed libraries for their licences…"), self)
        self.waiting.setProperty("role", "muted")
        self.copy = QPushButton(self.tr("Copy everything"), self)
        self.copy.setToolTip(self.tr("Copy the page that is shown, as text"))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.page.markdown()))
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 10, 8)
        row.addWidget(self.waiting, 1)
        row.addStretch(1)
        row.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.page, 1)
        layout.addLayout(row)

    @property
    def has_credits(self) -> bool:
        """Whether the page was filled."""
        return bool(self.page.markdown())

    def show_credits(
        self,
        licences: Mapping[str, str],
        sources: Sequence[Mapping[str, str]],
        methods: Sequence[MethodLike],
        libraries: Sequence[LibraryLike],
    ) -> None:
        """Show everything: the program, its sample images, its methods, its libraries.

        Parameters
        ----------
        licences : mapping of str to str
            Text of each licence by its file name; that of the program comes first.
        sources, methods, libraries
            See `workstation.licences.Credits`.
        """
        own = next(iter(licences))
        citations = dict.fromkeys(row["citation"] for row in sources)
        parts = [
            f"# {self.tr('Licences and citations')}",
            self.tr("This program: {licence}.").format(licence=_licence_link(_name_of(own), own)),
            f"## {self.tr('Images of the sample project')}",
            self._sources(sources),
            self.tr("The warped copies in the sample project are made from `colour_fundus.jpg`."),
            self.tr("Please cite:"),
            "\n".join(f"- {citation}" for citation in citations),
            f"## {self.tr('Methods')}",
            *(f"### {method.title}\n\n{_HEADING.sub('####', method.text)}" for method in methods),
            f"## {self.tr('Libraries')}",
            self.tr("As installed on this machine; each brings the text of its licence with it."),
            self._libraries(libraries),
            f"## {self.tr('Texts of the licences')}",
            *(f"### {_name_of(name)}\n\n{_block(text)}" for name, text in licences.items()),
        ]
        self.waiting.hide()
        self.page.show_markdown("\n\n".join(parts))

    def _sources(self, sources: Sequence[Mapping[str, str]]) -> str:
        head = (self.tr("File"), self.tr("What"), self.tr("Licence"), self.tr("From"))
        rows = [
            [
                f"`{row['file']}`",
                f"{row['what']}; {row['processing']}",
                _licence_link(row["licence"], row["licence_file"]),
                _linked(row["origin"]),
            ]
            for row in sources
        ]
        return _table(head, rows)

    def _libraries(self, libraries: Sequence[LibraryLike]) -> str:
        head = (self.tr("Library"), self.tr("Version"), self.tr("Licence"), self.tr("Home"))
        rows = [[row.name, row.version, row.licence or "–", _linked(row.address)] for row in libraries]
        return _table(head, rows)

    def _follow(self, link: str) -> None:
        if link.startswith("#"):
            self.page.scroll_to(link.removeprefix("#"))
        elif link.startswith("https://"):
            # In the browser of the person who clicked; this program fetches nothing.
            QDesktopServices.openUrl(QUrl(link))


def _name_of(file: str) -> str:
    """Return what the file of a licence is called for people."""
    return file.removesuffix(".txt").replace("_", " ")


def _licence_link(text: str, file: str) -> str:
    return f"[{text}](#{slug(_name_of(file))})"


def _linked(origin: str) -> str:
    """Return an address with what stands behind it as a link."""
    address, _space, rest = origin.partition(" ")
    if not address.startswith("https://"):
        return origin
    name = address.removeprefix("https://")
    return f"[{name}]({address}) {rest}".strip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in cells)


def _block(text: str) -> str:
    return f"```\n{text.strip()}\n```"
