"""The events file: half lines, torn lines, resumes."""

from __future__ import annotations

import json
from pathlib import Path

from engines.contract.events import (
    Checkpoint,
    EventReader,
    EventWriter,
    Metric,
    Started,
    read_events,
)


def loss(step: int, value: float | None = 1.0) -> Metric:
    return Metric(key="loss_total", split="train", step=step, value=value)


def test_reader_keeps_a_half_written_line_for_the_next_poll(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.poll() == []
    line = loss(1).model_dump_json() + "\n"
    path.write_text(line + line[:10], encoding="utf-8")
    assert [event.step for event in reader.poll()] == [1]
    assert reader.poll() == []
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line[10:])
    assert [event.step for event in reader.poll()] == [1]
    assert reader.num_skipped_lines == 0


def test_line_torn_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(loss(1).model_dump_json() + "\n" + '{"event": "met', encoding="utf-8")
    writer = EventWriter(path)
    writer.write(loss(2))
    writer.close()
    reader = EventReader(path)
    assert [event.step for event in reader.poll()] == [1, 2]
    assert reader.num_skipped_lines == 1


def test_unknown_fields_of_a_newer_version_are_read_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    newer = {**json.loads(loss(3).model_dump_json()), "colour": "blue"}
    path.write_text(
        json.dumps(newer) + "\n" + json.dumps({"event": "dance", "time": 1}) + "\n", encoding="utf-8"
    )
    assert read_events(path) == [loss(3).model_copy(update={"time": newer["time"]})]


def test_points_beyond_the_step_of_a_resume_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.write(Started(pipeline="p", action="train"))
    for step in range(1, 6):
        writer.write(loss(step))
    writer.write(Checkpoint(path="checkpoints/last", step=5))
    writer.write(Started(pipeline="p", action="train", resumed_from_step=3))
    writer.write(loss(4, 0.5))
    writer.close()
    events = read_events(path)
    assert [(event.step, event.value) for event in events if isinstance(event, Metric)] == [
        (1, 1.0),
        (2, 1.0),
        (3, 1.0),
        (4, 0.5),
    ]
    assert not any(isinstance(event, Checkpoint) for event in events)
