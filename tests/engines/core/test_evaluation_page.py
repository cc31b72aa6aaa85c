"""The page of an evaluation: complete, self-contained, and honest about bounds and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from engines.contract.evaluation import EvaluationReport
from engines.contract.kinds import Action
from engines.contract.run_context import RunContext
from engines.contract.run_folder import RunFolder
from engines.core.evaluation_page import PagePicture, PageTable, repeating_command, write_page
from engines.core.page_charts import ChartLine, PageChart, draw_chart
from engines.imaging.images import write_image

MakeRun = Callable[..., RunFolder]


class _Balanced(HTMLParser):
    """Fails when an element is closed that was not opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Closes itself."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _report() -> EvaluationReport:
    return EvaluationReport(
        pipeline="tiny",
        run="run 7",
        split="val",
        split_hash="0123456789abcdef",
        items=2,
        rows={"model": {"error": 0.25}, "baseline": {"error": 0.5}, "ceiling": {"error": 0.0, "other": None}},
        per_item=[{"item": "<b>眼", "row": "model", "error": 0.25, "reason": ["a", "b"]}],
        bounds=("ceiling",),
        intervals={"model": {"error": (0.2, 0.3)}},
        groups={"Bright vessels": {"model": {"error": 0.1}}},
    )


def test_a_page_holds_everything_it_shows(tiny_pipeline: None, make_run: MakeRun, tmp_path: Path) -> None:
    picture = tmp_path / "check.png"
    write_image(picture, np.zeros((4, 4), np.uint8))
    folder = make_run(action=Action.EVALUATE)
    run = RunContext.open(folder)
    path = write_page(
        run,
        _report(),
        [PagePicture(picture, "Hard pair", "40 px off"), PagePicture(tmp_path / "gone.png", "Lost")],
        ["Errors are <in> pixels."],
        tables=[PageTable("Counts", ("kind", "number"), (("right", 3), ("wrong", None)))],
        charts=[PageChart("Success", "error", "share", (ChartLine("model", (0, 1), (0.0, 1.0)),))],
    )
    run.events.close()
    text = path.read_text(encoding="utf-8")
    parser = _Balanced()
    parser.feed(text)
    assert parser.open == []
    assert path == folder.outputs_dir / "evaluation.html"
    for words in (
        "0123456789abcdef",
        "workstation evaluate",
        "Bright vessels",
        "0.200 to 0.300",
        "gone.png is not there",
        "data:image/png;base64,",
        "Errors are &lt;in&gt; pixels.",
        "&lt;b&gt;眼",
        "a, b",
        "<svg",
    ):
        assert words in text, words
    assert "http" not in text.replace("http-equiv", "")
    assert "<tr class=bound><td>ceiling</td>" in text
    assert '<td class="number best">0.250' in text, "the best method, not the bound, is set off"


def test_the_command_repeats_the_run(tiny_pipeline: None, make_run: MakeRun) -> None:
    typed = RunContext.open(make_run("typed", action=Action.EVALUATE))
    typed.request = typed.request.model_copy(update={"command": "workstation evaluate here tiny"})
    assert repeating_command(typed) == "workstation evaluate here tiny"
    made = RunContext.open(make_run("made", action=Action.EVALUATE, seed=5))
    made.request = made.request.model_copy(update={"command": "", "base_run": "../模型 1"})
    command = repeating_command(made)
    assert command.startswith("workstation evaluate")
    assert "--run '模型 1'" in command
    assert "--set seed=5" in command
    for run in (typed, made):
        run.events.close()


def test_a_chart_breaks_where_a_value_is_missing_and_is_empty_without_any() -> None:
    nan = float("nan")
    drawn = draw_chart(PageChart("t", "x", "y", (ChartLine("a", (0, 1, 2, 3), (0.0, 1.0, nan, 2.0)),)))
    assert drawn.count("<polyline") == 2
    assert draw_chart(PageChart("t", "x", "y", (ChartLine("a", (0.0,), (nan,)),))) == ""
    assert draw_chart(PageChart("t", "x", "y", ())) == ""
    flat = draw_chart(PageChart("t", "x", "y", (ChartLine("a", (1.0,), (2.0,), is_bound=True),)))
    assert "nan" not in flat
    assert "stroke-dasharray" in flat
