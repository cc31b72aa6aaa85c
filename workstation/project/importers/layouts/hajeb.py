"""The CF-FA pairs of Hajeb Mohammad Alipour et al. (2012), Isfahan: ``normal`` and ``abnormal``.

A folder holds ``7.jpg`` and ``7-7.jpg`` for pair 7; the folders are upper case in newer copies. Which of the
two is the angiogram differs between the folders, so the look of the images decides. Users of the data report
that ``normal/10-10`` and ``normal/11-11`` bear each other's names, and that pair 30 of ``normal`` is wrong:
both are offered as fixes, and nothing is changed by itself.
"""

from __future__ import annotations

import re
from dataclasses import replace

from engines.contract.messages import Message
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import Layout, proposal_of
from workstation.project.importers.proposal import ImportProposal, KnownDefect, ProposedFile, ProposedItem

KEY = "hajeb"
_FOLDERS = ("normal", "abnormal")
_NUMBER = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose the pairs, when at least one folder bears the name of a group and holds a pair."""
    pairs: dict[tuple[str, int], list[FoundFile]] = {}
    for file in tree.images:
        group = _group(file)
        found = _NUMBER.fullmatch(file.stem)
        if group and found and found[2] in (None, found[1]):
            pairs.setdefault((group, int(found[1])), []).append(file)
    if not any(len(files) == 2 for files in pairs.values()):
        return None
    items = [_item(group, number, files) for (group, number), files in pairs.items()]
    return replace(proposal_of(KEY, items, tree), defects=tuple(_defects(items)))


def _group(file: FoundFile) -> str:
    """Return the group that a folder of the file names; the folder itself may have been dropped."""
    folders = [*file.parts, file.path.parent.name]
    return next((folder.lower() for folder in reversed(folders) if folder.lower() in _FOLDERS), "")


def _item(group: str, number: int, files: list[FoundFile]) -> ProposedItem:
    name = f"{group}-{number}"
    plain_first = sorted(files, key=lambda file: "-" in file.stem)
    roles = ("fixed", "moving")
    return ProposedItem(
        key=name,
        subject=name,
        item=name,
        files=tuple(ProposedFile(role, file.path) for role, file in zip(roles, plain_first, strict=False)),
        is_free=True,
    )


def _defects(items: list[ProposedItem]) -> list[KnownDefect]:
    doubled = {item.key: item.files[-1].path for item in items if "-" in item.files[-1].path.stem}
    found = []
    if "normal-10" in doubled and "normal-11" in doubled:
        found.append(
            KnownDefect(
                Message("The files 10-10 and 11-11 of 'normal' are known to bear each other's names."),
                ("normal-10", "normal-11"),
                (doubled["normal-10"], doubled["normal-11"]),
            )
        )
    if "normal-30" in doubled:
        found.append(
            KnownDefect(Message("Pair 30 of 'normal' is known to hold a wrong image."), ("normal-30",))
        )
    return found


LAYOUT = Layout(
    KEY,
    Message("CF-FA pairs of Hajeb et al."),
    Message("Folders 'normal' and 'abnormal' with images 1 and 1-1, 2 and 2-2 and so on."),
    recognise,
)
