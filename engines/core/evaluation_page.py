"""The report of an evaluation as one HTML file: it can be mailed, opened anywhere, and printed.

Everything is inside the file, pictures included. Rows that are bounds are set apart from methods; the
split's hash and the command that repeats the evaluation stand at the top.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from engines.contract.evaluation import PAGE_NAME, EvaluationReport
from engines.contract.files import write_text_atomically
from engines.contract.registry import config_class
from engines.contract.run_context import RunContext
from engines.contract.spec import PipelineSpec
from engines.core.page_charts import PageChart, draw_chart

_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
_MISSING = "–"
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --strong: #2f7fd1; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .28rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; } td.number { text-align: right; white-space: nowrap; }
td small { opacity: .7; display: block; } td.best { font-weight: 700; }
tr.bound { background: var(--soft); font-style: italic; }
code { background: var(--soft); padding: .15rem .35rem; border-radius: 4px; overflow-wrap: anywhere; }
figure { margin: 0; } figcaption { font-size: .9rem; opacity: .85; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 1.2rem; }
.pictures img { width: 100%; border-radius: 4px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1.6rem; }
svg { width: 100%; } svg text { font-size: 12px; fill: currentColor; } svg .grid { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; }
.legend i { display: inline-block; width: 22px; margin-right: .35rem; vertical-align: middle; }
summary { cursor: pointer; } @media print { details { display: block; } }
"""


@dataclass(frozen=True)
class PagePicture:
    """A picture file (png, jpg or svg) that is copied into the page, with what it shows."""

    path: Path
    title: str
    caption: str = ""


@dataclass(frozen=True)
class PageTable:
    """A further table; None in a cell is undefined."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""


def write_page(
    run: RunContext,
    report: EvaluationReport,
    pictures: Sequence[PagePicture] = (),
    notes: Sequence[str] = (),
    *,
    tables: Sequence[PageTable] = (),
    charts: Sequence[PageChart] = (),
) -> Path:
    """Write ``outputs/evaluation.html`` and return its path.

    Parameters
    ----------
    run : RunContext
        Of the evaluation.
    report : EvaluationReport
    pictures : sequence of PagePicture
        A file that is missing is named instead of shown.
    notes : sequence of str
        Sentences on how to read the numbers: definitions, what saturates, what was not measured.
    tables : sequence of PageTable
    charts : sequence of PageChart
    """
    spec = run.spec
    sections = [
        _head(run, report),
        _section("Results", _rows_table(spec, report.rows, report.bounds, report.intervals)),
        *(
            _section(title, _rows_table(spec, rows, report.bounds, {}))
            for title, rows in report.groups.items()
        ),
        _section("How to read it", _list(notes)),
        *(_section(table.title, _table(table)) for table in tables),
        _section("Curves", _charts(charts)),
        _section("Pictures", _pictures(pictures)),
        _section("Every item", _per_item(spec, report)),
    ]
    body = "\n".join(section for section in sections if section)
    path = run.folder.outputs_dir / PAGE_NAME
    write_text_atomically(
        path,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(spec.title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body>{body}</body></html>\n",
    )
    return path


def repeating_command(run: RunContext) -> str:
    """Return the command line that repeats an evaluation: as it was typed, or put together from the run."""
    if run.request.command:
        return run.request.command
    request = run.request
    defaults = config_class(run.spec, request.action)().values()
    words = ["workstation", request.action.value, request.project or "PROJECT", request.pipeline]
    if request.base_run:
        words += ["--run", run.folder.file_path(request.base_run).name]
    splits = {item.split.value for item in run.manifest.items if item.split is not None}
    words += ["--split", splits.pop() if len(splits) == 1 else "all"]
    for key, value in run.config.values().items():
        if value != defaults.get(key):
            words += ["--set", f"{key}={value}"]
    return shlex.join(words)


def _head(run: RunContext, report: EvaluationReport) -> str:
    facts = {
        "Model": report.run or "none",
        "Items": str(report.items),
        "Split": report.split,
        "Split hash": report.split_hash or _MISSING,
        "Run": run.folder.id,
    }
    said = " · ".join(f"{escape(name)}: <b>{escape(value)}</b>" for name, value in facts.items())
    command = escape(repeating_command(run))
    return f"<h1>{escape(run.spec.title)}: evaluation</h1><p>{said}</p><p>Repeat: <code>{command}</code></p>"


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in sentences)}</ul>" if sentences else ""


def _rows_table(
    spec: PipelineSpec,
    rows: Mapping[str, Mapping[str, float | None]],
    bounds: Sequence[str],
    intervals: Mapping[str, Mapping[str, tuple[float, float]]],
) -> str:
    keys = list(dict.fromkeys(key for values in rows.values() for key in values))
    best = {key: _best(spec, key, [row for name, row in rows.items() if name not in bounds]) for key in keys}
    lines = []
    for name, values in rows.items():
        is_bound = name in bounds
        cells = []
        for key in keys:
            value = values.get(key)
            is_best = not is_bound and value is not None and value == best[key]
            interval = intervals.get(name, {}).get(key)
            below = f"<small>{_text(interval[0])} to {_text(interval[1])}</small>" if interval else ""
            cells.append(f'<td class="number{" best" if is_best else ""}">{_text(value)}{below}</td>')
        lines.append(f"<tr{' class=bound' if is_bound else ''}><td>{escape(name)}</td>{''.join(cells)}</tr>")
    heads = "".join(f"<th>{escape(_label(spec, key))}</th>" for key in keys)
    table = f"<table><thead><tr><th></th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    said = []
    if any(name in bounds for name in rows):
        said.append("Rows on grey are bounds, not methods.")
    if intervals:
        said.append("Small numbers: 95 % interval.")
    return f'<div class="wide">{table}</div><p>{" ".join(said)}</p>' if rows else ""


def _best(spec: PipelineSpec, key: str, rows: Sequence[Mapping[str, float | None]]) -> float | None:
    metric = spec.metric(key)
    values = [value for row in rows if (value := row.get(key)) is not None]
    if metric is None or len(values) < 2:
        return None
    return max(values) if metric.higher_is_better else min(values)


def _label(spec: PipelineSpec, key: str) -> str:
    metric = spec.metric(key)
    if metric is None:
        return key
    return f"{metric.label}, {metric.unit}" if metric.unit else metric.label


def _text(value: Any) -> str:
    if value is None or value == "":
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return escape(str(value))


def _cell(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"<td{' class=number' if is_number else ''}>{_text(value)}</td>"


def _table(table: PageTable) -> str:
    heads = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    lines = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in table.rows)
    note = f"<p>{escape(table.note)}</p>" if table.note else ""
    return (
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{note}'
    )


def _charts(charts: Sequence[PageChart]) -> str:
    figures = [
        f"<figure><figcaption><b>{escape(chart.title)}</b></figcaption>{drawn}"
        f"<figcaption>{escape(chart.note)}</figcaption></figure>"
        for chart in charts
        if (drawn := draw_chart(chart))
    ]
    return f'<div class="charts">{"".join(figures)}</div>' if figures else ""


def _pictures(pictures: Sequence[PagePicture]) -> str:
    figures = "".join(_picture(picture) for picture in pictures)
    return f'<div class="pictures">{figures}</div>' if figures else ""


def _picture(picture: PagePicture) -> str:
    said = f"<figcaption><b>{escape(picture.title)}</b> {escape(picture.caption)}</figcaption>"
    media = _MEDIA.get(picture.path.suffix.lower())
    if media is None or not picture.path.is_file():
        return f"<figure><p>{escape(picture.path.name)} is not there.</p>{said}</figure>"
    content = base64.b64encode(picture.path.read_bytes()).decode("ascii")
    return f'<figure><img alt="{escape(picture.title)}" src="data:{media};base64,{content}">{said}</figure>'


def _per_item(spec: PipelineSpec, report: EvaluationReport) -> str:
    keys = list(dict.fromkeys(key for line in report.per_item for key in line))
    columns = tuple(_label(spec, key) for key in keys)
    rows = tuple(tuple(_shown(line, keys)) for line in report.per_item)
    if not rows:
        return ""
    return f"<details><summary>{len(rows)} rows</summary>{_table(PageTable('', columns, rows))}</details>"


def _shown(line: Mapping[str, Any], keys: Sequence[str]) -> Iterator[Any]:
    for key in keys:
        value = line.get(key)
        yield ", ".join(str(part) for part in value) if isinstance(value, list | tuple) else value
