"""Which item of a project a file of points means, from what the file and the images are called."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import PurePosixPath

from engines.contract.errors import InputError
from workstation.project.annotations import SIDES, Side
from workstation.project.items import Item
from workstation.project.keypoint_formats.side_names import split_stem

MAX_CANDIDATES = 8


class UnclearItemError(InputError):
    """A file does not tell which item it belongs to.

    Attributes
    ----------
    candidates : tuple of str
        Ids of the items that it may mean, the likeliest first.
    """

    candidates: tuple[str, ...] = ()


class ItemNames:
    """Finds items by names.

    Parameters
    ----------
    items : iterable of Item
        Those with a fixed and a moving image are looked through.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = {item.id: item for item in items if item.has(*SIDES)}
        self._by_name: dict[str, set[str]] = {}
        self._images: list[tuple[str, Side, PurePosixPath]] = []
        for item in self._items.values():
            for side in SIDES:
                path = PurePosixPath(item.files[side].path.as_posix().casefold())
                self._images.append((item.id, side, path))
                for name in (path.stem, split_stem(path.stem)[0]):
                    self._by_name.setdefault(name, set()).add(item.id)

    def __getitem__(self, item_id: str) -> Item:
        return self._items[item_id]

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the first items, as candidates."""
        return tuple(self._items)[:MAX_CANDIDATES]

    def find(self, name: str, file_name: str) -> str:
        """Return the id of the item that a name means.

        Parameters
        ----------
        name : str
            An item's id, the name of one of its images, or what both have in common.
        file_name : str
            For the sentence of the error.

        Raises
        ------
        UnclearItemError
            If no item, or more than one, has that name.
        """
        if name in self._items:
            return name
        plain = name.casefold()
        found = {item_id for item_id in self._items if item_id.casefold() == plain}
        found = found or self._by_name.get(plain, set()) or self._by_name.get(split_stem(plain)[0], set())
        if len(found) == 1:
            return next(iter(found))
        candidates = sorted(found) or self._near(plain)
        error = UnclearItemError(
            "{file} may belong to several items: {candidates}."
            if found
            else "{file} belongs to no item of the project by its name, '{name}'.",
            remedy="Name the item, or call the file by its id. It may be one of: {candidates}."
            if candidates and not found
            else "Name the item, or call the file by its id.",
            file=file_name,
            name=name,
            candidates=", ".join(candidates[:MAX_CANDIDATES]),
        )
        error.candidates = tuple(candidates)
        raise error

    def images(self, name: str) -> list[tuple[str, Side]]:
        """Return the items and sides whose image is called so; folders or the item's id may come first."""
        wanted = PurePosixPath(name.replace("\\", "/").casefold())
        for item_id, side, path in self._images:
            if (wanted.parent.name, wanted.name) == (item_id.casefold(), path.name):
                return [(item_id, side)]
        # The more folders agree, the better.
        parts = wanted.parts
        for length in range(len(parts), 0, -1):
            end = parts[-length:]
            found = [(item_id, side) for item_id, side, path in self._images if path.parts[-length:] == end]
            if found:
                return found
        return [(item_id, side) for item_id, side, path in self._images if path.stem == wanted.stem]

    def _near(self, plain: str) -> list[str]:
        by_plain = {item_id.casefold(): item_id for item_id in self._items}
        near = difflib.get_close_matches(plain, by_plain, n=MAX_CANDIDATES, cutoff=0.4)
        return [by_plain[name] for name in near] or list(self.ids())
