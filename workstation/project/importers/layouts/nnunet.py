"""nnU-Net: ``dataset.json`` with ``imagesTr/<case>_0000.nii.gz`` and ``labelsTr/<case>.nii.gz``.

Channels get roles by their names; ``imagesTs`` is for testing. Both versions of ``dataset.json`` are read.
"""

from __future__ import annotations

import json
import re
from typing import Any

from engines.contract.kinds import Split
from engines.contract.messages import Message
from engines.imaging.volumes.label_classes import LARGEST_LABEL, LabelClass, colour_of
from workstation.project.importers.folder_tree import FolderTree, FoundFile
from workstation.project.importers.layouts.layout import ItemNames, Layout, clean_name, proposal_of
from workstation.project.importers.proposal import ImportProposal, ProposedFile, ProposedItem
from workstation.project.importers.volume_reading import ROLE_MODALITIES
from workstation.project.importers.volume_words import words_of

KEY = "nnunet"
_IMAGE = re.compile(r"(.+)_(\d{4})")
_FREE_ROLES = ("volume", "ct", "t1", "t1ce", "t2", "flair")
_LARGEST_JSON_BYTES = 50_000_000


def recognise(tree: FolderTree) -> ImportProposal | None:
    """Propose an item for every case of ``imagesTr`` and ``imagesTs``."""
    file = tree.named("dataset.json")
    folders = {part for found in tree.volumes for part in found.parts[-1:]}
    if file is None or not folders & {"imagesTr", "imagesTs"}:
        return None
    problems: list[Message] = []
    dataset = _read(file, problems)
    channels = _channels(dataset.get("channel_names") or dataset.get("modality") or {})
    classes = _classes(dataset.get("labels") or {}, problems)
    labels = {
        found.stem: found for found in tree.volumes if found.parts[-1:] in (("labelsTr",), ("labelsTs",))
    }
    cases: dict[str, dict[str, FoundFile]] = {}
    unused = []
    for found in tree.volumes:
        name = _IMAGE.fullmatch(found.stem)
        if found.parts[-1:] not in (("imagesTr",), ("imagesTs",)):
            continue
        if name is None:
            unused.append(found.path)
            continue
        cases.setdefault(name[1], {})[name[2]] = found
    names = ItemNames()
    items = []
    for case, images in cases.items():
        first = next(iter(images.values()))
        files: list[ProposedFile] = []
        for channel, image in sorted(images.items()):
            role = channels.get(int(channel)) or _free_role({one.role for one in files})
            if role is None:
                unused.append(image.path)
                continue
            files.append(ProposedFile(role, image.path, ROLE_MODALITIES.get(role)))
        if case in labels:
            files.append(ProposedFile("label_map", labels[case].path, classes=classes))
        items.append(
            ProposedItem(
                key=str(first.path),
                subject=clean_name(case),
                item=names.unique(case),
                files=tuple(files),
                split=Split.TEST if first.parts[-1] == "imagesTs" else None,
            )
        )
    return proposal_of(KEY, items, tree, problems, unused) if items else None


def _read(file: FoundFile, problems: list[Message]) -> dict[str, Any]:
    try:
        if file.path.stat().st_size > _LARGEST_JSON_BYTES:
            raise ValueError("too large")
        content = json.loads(file.path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        problems.append(
            Message(
                "{file} cannot be read ({reason}): channels and labels have no names.",
                {"file": file.path.name, "reason": str(error)},
            )
        )
        return {}
    return content if isinstance(content, dict) else {}


def _channels(named: Any) -> dict[int, str]:
    """Return roles by channel; a role is given once."""
    if not isinstance(named, dict):
        return {}
    found: dict[int, str] = {}
    for key, name in named.items():
        role = words_of(str(name)).role
        if str(key).isdigit() and role is not None and role not in found.values():
            found[int(key)] = role
    return found


def _classes(named: Any, problems: list[Message]) -> tuple[LabelClass, ...]:
    """Return the classes: ``{"aorta": 1}``, once ``{"1": "aorta"}``; regions are left out."""
    found: dict[int, str] = {}
    if not isinstance(named, dict):
        return ()
    for key, value in named.items():
        name, number = (str(value), key) if str(key).isdigit() else (str(key), value)
        if isinstance(value, list):
            parameters = {"name": name, "values": ", ".join(map(str, value))}
            problems.append(
                Message("The region {name} ({values}) of dataset.json is no class of its own.", parameters)
            )
        elif str(number).isdigit() and 0 < int(number) <= LARGEST_LABEL:
            found[int(number)] = name
    return tuple(LabelClass(value, found[value], colour_of(value)) for value in sorted(found))


def _free_role(taken: set[str]) -> str | None:
    return next((role for role in _FREE_ROLES if role not in taken), None)


LAYOUT = Layout(
    KEY,
    Message("nnU-Net data set"),
    Message("imagesTr, labelsTr and dataset.json, which names channels and labels."),
    recognise,
)
