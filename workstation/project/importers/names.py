"""What the words in a file name or folder name say: role, modality, laterality, visit, split, mask."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engines.contract.kinds import Split
from workstation.project.importers.folder_tree import FoundFile

_MODALITIES = {
    "cf": "CF", "cfp": "CF", "colour": "CF", "color": "CF", "fundus": "CF", "彩照": "CF", "眼底彩照": "CF",
    "fa": "FA", "ffa": "FA", "fluorescein": "FA", "angiogram": "FA", "angiography": "FA", "造影": "FA",
    "rf": "RF", "redfree": "RF", "oct": "OCT", "octa": "OCTA", "icga": "ICGA", "icg": "ICGA",
    "faf": "FAF", "ir": "IR", "nir": "IR",
}  # fmt: skip
_ROLES = {
    "fixed": "fixed", "fix": "fixed", "reference": "fixed", "ref": "fixed", "target": "fixed",
    "moving": "moving", "mov": "moving", "move": "moving", "query": "moving", "source": "moving",
    "floating": "moving",
}  # fmt: skip
_LATERALITIES = {
    "od": "OD", "right": "OD", "右眼": "OD", "os": "OS", "left": "OS", "左眼": "OS", "ou": "OU",
}  # fmt: skip
_MASKS = {
    "mask": "vessel_mask", "masks": "vessel_mask", "vessel": "vessel_mask", "vessels": "vessel_mask",
    "manual": "vessel_mask", "gt": "vessel_mask", "seg": "vessel_mask",
    "fov": "field_of_view",
}  # fmt: skip
_SPLITS = {
    "train": Split.TRAIN, "training": Split.TRAIN, "val": Split.VAL, "valid": Split.VAL,
    "validation": Split.VAL, "test": Split.TEST, "testing": Split.TEST,
}  # fmt: skip
_FILLERS = frozenset(("image", "images", "img", "imgs", "pair", "pairs", "photo", "photos", "1st", "2nd"))
_VISITS = ("visit", "exam", "session", "v")
_DATE = re.compile(r"(?:19|20)\d\d(?:[01]\d[0-3]\d)?")
_RED_FREE = re.compile(r"red[-_ ]?free", re.IGNORECASE)
_FIELD_OF_VIEW = re.compile(r"field[-_ ]of[-_ ]view", re.IGNORECASE)
_SPACED_VISIT = re.compile(r"(visit|exam|session)[-_ ](?=\d)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[_\-\s.()\[\]+,]+")
_LETTERS_THEN_DIGITS = re.compile(r"(\D+)(\d+)")
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(slots=True)
class _Reading:
    """What the words that were read so far say, and the words that are left."""

    said: dict[str, str] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NameFacts:
    """What the name and the folders of a file say.

    Parameters
    ----------
    words : tuple of str
        Words of the name that are left: they name the eye or the pair, and are equal for partners.
    folders : tuple of str
        Folders that say nothing about the file: subjects or collections.
    number : int or None
        1 or 2 of a trailing ``_1``, ``_02``, ``-1``: which of two images it may be.
    role, modality, laterality, visit, mask_role : str or None
    split : Split or None
        Said by a folder; a name is not believed.
    """

    words: tuple[str, ...]
    folders: tuple[str, ...]
    number: int | None = None
    role: str | None = None
    modality: str | None = None
    laterality: str | None = None
    visit: str | None = None
    mask_role: str | None = None
    split: Split | None = None

    @property
    def stem(self) -> str:
        """The words in one."""
        return "_".join(self.words)


def facts_of(file: FoundFile) -> NameFacts:
    """Return what the name and the folders of a file say; the name goes before its folders."""
    name = _read(file.stem)
    said = dict(name.said)
    words = [word for word in name.kept if word.lower() not in _SPLITS] or name.kept
    number = int(words[-1]) if len(words) > 1 and words[-1] in ("1", "2", "01", "02") else None
    folders = []
    for part in reversed(file.parts):
        folder = _read(part)
        left = [word for word in folder.kept if word.lower() not in _SPLITS]
        for word in folder.kept:
            if word.lower() in _SPLITS:
                said.setdefault("split", _SPLITS[word.lower()].value)
        if folder.said.get("mask") == "field_of_view" or "mask" not in said:
            said |= {"mask": folder.said["mask"]} if "mask" in folder.said else {}
        for key, value in folder.said.items():
            said.setdefault(key, value)
        if left:
            folders.append(" ".join(left) if folder.said else part)
    mask_role = said.get("mask")
    if mask_role == "vessel_mask" and said.get("role") == "moving":
        mask_role = "moving_vessel_mask"
    return NameFacts(
        words=tuple(words),
        folders=tuple(reversed(folders)),
        number=number,
        role=said.get("role"),
        modality=said.get("modality"),
        laterality=said.get("laterality"),
        visit=said.get("visit"),
        mask_role=mask_role,
        split=Split(said["split"]) if "split" in said else None,
    )


def modality_in(text: str) -> str | None:
    """Return the modality that a name says, for example of a folder."""
    return _read(text).said.get("modality")


def _read(text: str) -> _Reading:
    reading = _Reading()
    plain = _FIELD_OF_VIEW.sub("fov", _RED_FREE.sub("redfree", text))
    plain = _SPACED_VISIT.sub(r"\1", plain)
    for token in filter(None, _SEPARATORS.split(plain)):
        if not _take(token, reading):
            parts = _CAMEL_CASE.split(token)
            if len(parts) > 1 and any(_is_telling(part) for part in parts):
                reading.kept += [part for part in parts if not _take(part, reading)]
            else:
                reading.kept.append(token)
    return reading


def _is_telling(word: str) -> bool:
    return any(word.lower() in table for table in (_MODALITIES, _ROLES, _LATERALITIES, _MASKS))


def _take(token: str, reading: _Reading) -> bool:
    """Note what a token says; False when it says nothing and belongs to the name."""
    word = token.lower()
    for key, table in (("modality", _MODALITIES), ("role", _ROLES), ("laterality", _LATERALITIES)):
        if word in table:
            reading.said.setdefault(key, table[word])
            return True
    if word in _MASKS:
        # A "fov_mask" is a field of view: the more telling word wins.
        if reading.said.get("mask") != "field_of_view":
            reading.said["mask"] = _MASKS[word]
        return True
    if word in _FILLERS:
        return True
    if _DATE.fullmatch(word):
        reading.said.setdefault("visit", word)
        return True
    return _take_numbered(word, reading)


def _take_numbered(word: str, reading: _Reading) -> bool:
    """Note what a word with a number at its end says; the number names the pair, or the visit."""
    found = _LETTERS_THEN_DIGITS.fullmatch(word)
    if found is None:
        return False
    letters, digits = found[1], found[2]
    if letters in _VISITS:
        reading.said.setdefault("visit", digits)
        return True
    if letters in _MASKS:
        # "manual1" is the first annotator, and belongs to the image all the same.
        reading.said.setdefault("mask", _MASKS[letters])
        if letters != "manual":
            reading.kept.append(digits)
        return True
    if letters in _ROLES or letters in _FILLERS:
        if letters in _ROLES:
            reading.said.setdefault("role", _ROLES[letters])
        reading.kept.append(digits)
        return True
    return False
