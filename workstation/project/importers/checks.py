"""What a person should know of a proposal before it is imported, and what can be done about each of it.

A finding has a key that stays the same while other things are changed, so that one that was looked at and
left as it is ("Keep both") does not come back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from engines.contract.kinds import Severity, Split
from engines.contract.messages import Message
from engines.imaging.volumes.volume_names import stem_of
from workstation.project.annotations import is_inside
from workstation.project.importers.findings import (
    Change,
    Fix,
    ProposalFinding,
    change_item,
    keep,
    leave_out,
    skip_file,
)
from workstation.project.importers.inspection import FileFacts, Inspection
from workstation.project.importers.layouts.layout import LONGEST_NAME, clean_name
from workstation.project.importers.proposal import (
    MASK_ROLES,
    PAIR_ROLES,
    ImportProposal,
    ProposedFile,
    ProposedItem,
    ProposedPoint,
)
from workstation.project.importers.same_images import same_image_findings
from workstation.project.importers.volume_checks import volume_findings
from workstation.project.importers.volume_reading import is_volume_path


def check(proposal: ImportProposal, inspection: Inspection) -> tuple[ProposalFinding, ...]:
    """Return what is to be said about a proposal, errors first; what was settled is left out."""
    found = [
        finding
        for part in (
            _unreadable,
            _incomplete,
            _names,
            _splits,
            _sizes,
            volume_findings,
            _points,
            same_image_findings,
            _defects,
            _rest,
        )
        for finding in part(proposal, inspection)
        if finding.key not in proposal.settled
    ]
    order = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))


def ready(proposal: ImportProposal, inspection: Inspection) -> tuple[ProposedItem, ...]:
    """Return the items that will be imported: chosen, complete, and every image can be read."""
    return tuple(
        item
        for item in proposal.included
        if all(file.path in inspection.facts for file in item.files if file.role not in MASK_ROLES)
    )


def _unreadable(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    users: dict[Path, list[ProposedItem]] = defaultdict(list)
    for item in proposal.items:
        for file in item.files:
            if file.path in inspection.errors and item.is_included:
                users[file.path].append(item)
    for path, items in users.items():
        error = inspection.errors[path]
        yield ProposalFinding(
            f"unreadable {path}",
            Severity.ERROR,
            error.advice,
            tuple(item.key for item in items),
            (skip_file(path),),
        )


def _incomplete(proposal: ImportProposal, _inspection: Inspection) -> Iterator[ProposalFinding]:
    for item in proposal.items:
        if item.is_complete or not item.is_included:
            continue
        facts = {"item": item.item, "role": item.missing_role, "file": item.files[0].path.name}
        yield ProposalFinding(
            f"incomplete {item.key}",
            Severity.WARNING,
            Message("{item} has no {role} image: {file} has no partner.", facts),
            (item.key,),
            (
                Fix(Message("Choose the partner…")),
                Fix(Message("Import as a single image"), change_item(item.key, as_single)),
                leave_out(item.key),
            ),
        )


def as_single(item: ProposedItem) -> ProposedItem:
    """Return an item of one image without a partner as a single image; its mask stays."""
    new_roles = {"fixed": "image", "moving": "image", "moving_vessel_mask": "vessel_mask"}
    files = tuple(replace(file, role=new_roles.get(file.role, file.role)) for file in item.files)
    return replace(item, files=files, points=())


def _names(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    held: dict[str, dict[str, str]] = defaultdict(dict)
    for image in inspection.known:
        held[image.item_id.casefold()][image.role] = image.sha256
    taken: dict[str, str] = {}
    for item in proposal.included:
        name, clean = item.item.casefold(), clean_name(item.item)
        message = None
        if not clean or clean != item.item or not item.subject.strip():
            message = Message(
                "'{item}' of subject '{subject}' cannot be used as names of files.",
                {"item": item.item, "subject": item.subject},
            )
        elif name in taken:
            message = Message("Two items are called {item}.", {"item": item.item})
        elif name in held and not _is_held(item, held[name], inspection.facts):
            message = Message("The project holds an item {item} with other images.", {"item": item.item})
        taken[name] = item.key
        if message is None:
            continue
        others = {*held, *(other.item.casefold() for other in proposal.items if other.key != item.key)}
        new = _free_name(clean or item.key, others)
        title = Message("Rename to {name}", {"name": new})

        renamed = replace(item, item=new, subject=item.subject.strip() or new)
        fixes = (Fix(title, _replace_item(renamed)), leave_out(item.key))
        yield ProposalFinding(f"name {item.key}", Severity.ERROR, message, (item.key,), fixes)


def _replace_item(new: ProposedItem) -> Change:
    return change_item(new.key, lambda _old: new)


def _is_held(item: ProposedItem, held: Mapping[str, str], facts: Mapping[Path, FileFacts]) -> bool:
    """Tell whether every image of an item that the project has is the one here."""
    mine = {file.role: facts[file.path].sha256 for file in item.files if file.path in facts}
    return all(mine.get(role) == sha256 for role, sha256 in held.items() if role in mine) and bool(
        set(mine) & set(held)
    )


def _free_name(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name[: LONGEST_NAME - 5]}-{number}".casefold() in taken:
        number += 1
    return name if name.casefold() not in taken else f"{name[: LONGEST_NAME - 5]}-{number}"


def _splits(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    given = {image.subject: image.split for image in inspection.known if image.split is not None}
    by_subject: dict[str, list[ProposedItem]] = defaultdict(list)
    for item in proposal.included:
        by_subject[item.subject].append(item)
    for subject, items in by_subject.items():
        wanted = {item.split for item in items if item.split is not None}
        known = given.get(subject)
        if known is not None:
            wanted.add(known)
        if len(wanted) < 2:
            continue
        choices = [known] if known is not None else sorted(wanted)
        facts = {"subject": subject, "splits": ", ".join(sorted(wanted))}
        keys = tuple(item.key for item in items)
        yield ProposalFinding(
            f"split {subject}",
            Severity.ERROR,
            Message("Subject {subject} would be in several splits: {splits}.", facts),
            keys,
            tuple(_use_split(split, keys) for split in choices),
        )


def _use_split(split: Split, keys: tuple[str, ...]) -> Fix:
    def change(proposal: ImportProposal) -> ImportProposal:
        return replace(
            proposal,
            items=tuple(replace(item, split=split) if item.key in keys else item for item in proposal.items),
        )

    return Fix(Message("Put all into '{split}'", {"split": split.value}), change)


def _sizes(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    for item in proposal.included:
        sizes = {
            file.role: (facts.width, facts.height)
            for file in item.files
            if (facts := inspection.facts.get(file.path)) is not None and facts.volume is None
        }
        for file in item.files:
            image = _image_below(file, sizes)
            if image is not None and file.role in sizes and sizes[file.role] != sizes[image]:
                yield _mask_size(item, file, sizes[file.role], image, sizes[image])
        fixed, moving = (sizes.get(role) for role in PAIR_ROLES)
        if item.is_aligned and fixed is not None and moving is not None and fixed != moving:
            key = f"aligned {item.key}"
            facts_shown = {"item": item.item, "fixed": _size(fixed), "moving": _size(moving)}
            yield ProposalFinding(
                key,
                Severity.WARNING,
                Message(
                    "The images of {item} should be aligned, but are {fixed} and {moving} pixels.",
                    facts_shown,
                ),
                (item.key,),
                (leave_out(item.key), keep(key)),
            )


def _image_below(file: ProposedFile, sizes: Mapping[str, object]) -> str | None:
    """Return the role of the image that a mask lies on."""
    if file.role not in MASK_ROLES:
        return None
    roles = ("moving",) if file.role == "moving_vessel_mask" else ("fixed", "image", "moving")
    return next((role for role in roles if role in sizes), None)


def _mask_size(
    item: ProposedItem, file: ProposedFile, size: tuple[int, int], image: str, image_size: tuple[int, int]
) -> ProposalFinding:
    facts = {"mask": file.path.name, "size": _size(size), "role": image, "image": _size(image_size)}
    path = file.path
    return ProposalFinding(
        f"mask {item.key} {file.role}",
        Severity.ERROR,
        Message("{mask} is {size} pixels, but the {role} image is {image}.", facts),
        (item.key,),
        (Fix(Message("Skip this file"), change_item(item.key, lambda old: old.without(path))),),
    )


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _points(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    for item in proposal.included:
        facts = [inspection.facts.get(file.path) for role in PAIR_ROLES if (file := item.file(role))]
        if not item.points or len(facts) != 2 or facts[0] is None or facts[1] is None:
            continue
        fixed, moving = (facts[0].width, facts[0].height), (facts[1].width, facts[1].height)
        outside = _num_outside(item.points, fixed, moving)
        if not outside:
            continue
        exchanged = tuple(_exchanged(item.points))
        fixes = []
        if not _num_outside(exchanged, fixed, moving):
            title = Message("Exchange fixed and moving points")
            fixes.append(Fix(title, _give_points(item.key, exchanged)))
        shown = {"item": item.item, "count": outside, "total": len(item.points)}
        yield ProposalFinding(
            f"points {item.key}",
            Severity.WARNING,
            Message("{count} of the {total} points of {item} lie outside the images.", shown),
            (item.key,),
            (*fixes, Fix(Message("Import without points"), _give_points(item.key, ()))),
        )


def _num_outside(points: tuple[ProposedPoint, ...], fixed: tuple[int, int], moving: tuple[int, int]) -> int:
    return sum(
        not (is_inside(point.fixed_xy, *fixed) and is_inside(point.moving_xy, *moving)) for point in points
    )


def _exchanged(points: tuple[ProposedPoint, ...]) -> Iterator[ProposedPoint]:
    for point in points:
        yield ProposedPoint(point.label, point.moving_xy, point.fixed_xy)


def _give_points(key: str, points: tuple[ProposedPoint, ...]) -> Change:
    return change_item(key, lambda item: replace(item, points=points))


def _defects(proposal: ImportProposal, _inspection: Inspection) -> Iterator[ProposalFinding]:
    included = {item.key for item in proposal.included}
    for defect in proposal.defects:
        if not included.issuperset(defect.keys):
            continue
        key = f"defect {' '.join(defect.keys)}"
        fix = leave_out(*defect.keys)
        if defect.exchanged:
            first, second = defect.exchanged
            fix = Fix(Message("Exchange the files"), _exchange(first, second, key))
        yield ProposalFinding(key, Severity.WARNING, defect.message, defect.keys, (fix, keep(key)))


def _exchange(first: Path, second: Path, key: str) -> Change:
    return lambda proposal: proposal.with_exchanged(first, second).with_settled(key)


def _rest(proposal: ImportProposal, inspection: Inspection) -> Iterator[ProposalFinding]:
    for number, message in enumerate(proposal.problems):
        key = f"problem {number}"
        yield ProposalFinding(key, Severity.WARNING, message, (), (keep(key, Message("Understood")),))
    unused = [path for path in proposal.unused if path in inspection.facts]
    if unused:
        names = ", ".join(path.name for path in unused[:3])
        facts = {"count": len(unused), "names": names + (", …" if len(unused) > 3 else "")}
        yield ProposalFinding(
            "unused",
            Severity.NOTE,
            Message("Images that belong to no pair: {count} ({names}).", facts)
            if not any(is_volume_path(path) for path in unused)
            else Message("Volumes and label maps that no item uses: {count} ({names}).", facts),
            (),
            (
                Fix(Message("Import as single images"), _use_singly),
                keep("unused", Message("Leave out")),
            ),
        )


def _use_singly(proposal: ImportProposal) -> ImportProposal:
    taken = {item.item.casefold() for item in proposal.items}
    added = []
    for path in proposal.unused:
        name = _free_name(clean_name(stem_of(path)) or "image", taken)
        taken.add(name.casefold())
        role = "volume" if is_volume_path(path) else "image"
        added.append(ProposedItem(f"single {path}", name, name, (ProposedFile(role, path),)))
    return replace(proposal, items=(*proposal.items, *added), unused=())
