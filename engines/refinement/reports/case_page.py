"""The report of a case as one page: it can be mailed, opened anywhere and printed."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from engines.contract.files import write_text_atomically
from engines.refinement.reports.case_report import CaseReport
from engines.refinement.reports.pictures import Picture

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 1180px; margin: 1.4rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.35rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: left; }
th { font-weight: 600; } td.number { text-align: right; } tr.changed td { font-weight: 600; }
.status { display: inline-block; padding: .1rem .6rem; border: 1px solid; border-radius: 4px; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
.pictures img { height: 300px; max-width: 100%; object-fit: contain; background: #000; }
figcaption { opacity: .8; } code { overflow-wrap: anywhere; } .small { opacity: .8; }
"""
_STATUS = {
    "accept": "suggested for acceptance",
    "review": "needs a look",
    "reject": "not suggested",
}
_CLASS_COLUMNS = (
    ("label", "Class"),
    ("volume_before_ml", "Before / mL"),
    ("volume_after_ml", "After / mL"),
    ("volume_change_percent", "Change / %"),
    ("dice", "Dice of both"),
    ("voxels_added", "Added"),
    ("voxels_removed", "Removed"),
    ("components_before", "Pieces before"),
    ("components_after", "after"),
    ("largest_share", "Largest piece"),
    ("loops_before", "Loops before"),
    ("loops_after", "after"),
    ("shift_mm", "Surface shift / mm"),
    ("signed_shift_mm", "outwards / mm"),
)
_PIECE_COLUMNS = (
    ("number", "Piece"),
    ("volume_mm3", "mm³"),
    ("length_mm", "Length / mm"),
    ("mean_hu", "HU"),
    ("aorta_mm", "Aorta / mm"),
    ("myocardium_mm", "Muscle / mm"),
    ("gap_mm", "Gap / mm"),
    ("rules", "Rules"),
    ("proposal", "Proposed"),
    ("decision", "Decided"),
)
_MOST_PIECES = 25


def write_case_page(path: Path, report: CaseReport, pictures: Sequence[tuple[str, Picture]]) -> None:
    """Write the page of a case.

    Parameters
    ----------
    path : Path
    report : CaseReport
    pictures : sequence of (title, ndarray of uint8 (H, W, 3))
    """
    values = report.values()
    facts = {key: value for key, value in report.facts.items() if key not in ("row", "settings")}
    sections = [
        f"<h1>{escape(report.item)}</h1>",
        f'<p>Class {report.label_class}: <span class="status">{_STATUS[report.status]}</span> '
        '<span class="small">Suggestions only; a person decides. There is no ground truth here: Dice is '
        "agreement with the input.</span></p>",
        _list(entry["text"] for entry in values["rules"]),
        _figures(pictures),
        "<h2>Classes</h2>",
        _table(_CLASS_COLUMNS, values["classes"], lambda row: row["voxels_added"] or row["voxels_removed"]),
        "<h2>Pieces</h2>",
        _table(_PIECE_COLUMNS, values["components"][:_MOST_PIECES]),
        _more(len(values["components"])),
        "<h2>Conflicts between classes</h2>",
        _table((("winner", "Keeps"), ("loser", "Gives up"), ("voxels", "Voxels")), values["conflicts"])
        if values["conflicts"]
        else "<p>None.</p>",
        "<h2>Anatomy</h2>",
        _list(entry["text"] for entry in values["findings"]) or "<p>No rule fired.</p>",
        "<h2>Decisions of the reviewer</h2>",
        _list(
            f"Class {entry['label']}, piece at {entry['voxel']}: "
            + ("accepted" if entry["is_accepted"] else "rejected")
            for entry in values["decisions"]
        )
        or "<p>None yet.</p>",
        "<h2>Where it comes from</h2>",
        _table(
            (("name", ""), ("value", "")), [{"name": key, "value": value} for key, value in facts.items()]
        ),
    ]
    write_text_atomically(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(report.item)}</title><meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head>\n<body>{''.join(sections)}</body></html>\n",
    )


def _figures(pictures: Sequence[tuple[str, Picture]]) -> str:
    shown = []
    for title, picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG", optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        caption = escape(title)
        shown.append(
            f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return f'<div class="pictures">{"".join(shown)}</div>'


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[dict[str, Any]], is_marked: Any = None) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for _, title in columns)
    body = "".join(
        f"<tr{' class=changed' if is_marked is not None and is_marked(row) else ''}>"
        + "".join(_cell(row.get(key)) for key, _ in columns)
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<td>–</td>"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number">{value:.6g}</td>'
    return f"<td>{escape(_words(value))}</td>"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_words(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_words, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _list(texts: Iterable[str]) -> str:
    entries = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<ul>{entries}</ul>" if entries else ""


def _more(count: int) -> str:
    return f"<p>And {count - _MOST_PIECES} smaller ones.</p>" if count > _MOST_PIECES else ""
