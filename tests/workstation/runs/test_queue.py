import pytest

from engines.contract.errors import PreconditionError
from engines.contract.kinds import Action
from engines.contract.manifest import Manifest
from engines.contract.run_folder import RunFolder, RunRequest
from workstation.project.project import Project
from workstation.runs import queue
from workstation.runs.queue import RunQueue, clashes, device_of


@pytest.fixture
def runs_dir(tmp_path):
    return tmp_path / "runs"


def make_run(runs_dir, name, *, device="auto", action=Action.TRAIN, base_run=""):
    folder = RunFolder(runs_dir / name)
    request = RunRequest(pipeline="p", action=action, base_run=base_run, settings={"device": device})
    folder.create(request, Manifest(items=()))
    return folder


def test_order_survives_a_restart(runs_dir):
    runs = [make_run(runs_dir, name) for name in ("a", "b", "c")]
    waiting = RunQueue(runs_dir)
    for run in runs:
        waiting.add(run)
    waiting.add(runs[0])
    waiting.move("c", 0)
    waiting.remove("b")
    assert [run.id for run in RunQueue(runs_dir).waiting] == ["c", "a"]


def test_a_damaged_or_stale_queue_loses_only_itself(runs_dir):
    make_run(runs_dir, "a")
    (runs_dir / queue.QUEUE_FILE).write_text('["a", "gone"]', encoding="utf-8")
    assert [run.id for run in RunQueue(runs_dir).waiting] == ["a"]
    (runs_dir / queue.QUEUE_FILE).write_text('["a", ', encoding="utf-8")
    assert RunQueue(runs_dir).waiting == []


def test_one_run_per_device(runs_dir):
    waiting = RunQueue(runs_dir)
    alive = make_run(runs_dir, "alive", device="cpu")
    for name, device in (("first", "cpu"), ("second", "cuda"), ("third", "cuda")):
        waiting.add(make_run(runs_dir, name, device=device))
    second = waiting.take_startable([alive])
    assert second.id == "second"
    assert waiting.take_startable([alive, second]) is None
    assert waiting.take_startable([second]).id == "first"
    assert [run.id for run in waiting.waiting] == ["third"]


def test_nobody_overtakes_on_the_same_device(runs_dir):
    waiting = RunQueue(runs_dir)
    alive = make_run(runs_dir, "alive", device="cuda")
    waiting.add(make_run(runs_dir, "first", device="auto"))
    waiting.add(make_run(runs_dir, "second", device="cpu"))
    assert waiting.take_startable([alive]) is None


def test_a_run_without_network_waits_for_nobody(runs_dir):
    waiting = RunQueue(runs_dir)
    alive = make_run(runs_dir, "alive")
    waiting.add(make_run(runs_dir, "classical", action=Action.PREDICT))
    assert waiting.take_startable([alive]).id == "classical"
    assert device_of(make_run(runs_dir, "learned", action=Action.PREDICT, base_run="alive")) == "auto"


@pytest.mark.parametrize(
    ("device", "busy", "expected"),
    [("cpu", [], False), ("auto", ["cuda"], True), ("cuda", ["auto"], True), (None, ["auto"], False)],
)
def test_auto_clashes_with_every_device(device, busy, expected):
    assert clashes(device, busy) is expected


def test_discard_moves_a_dead_run_and_refuses_a_live_one(tmp_path, monkeypatch):
    with Project.create(tmp_path / "project", "P") as project:
        folder = make_run(project.folder / "runs", "a")
        project.runs.add(folder.id, folder.path)
        monkeypatch.setattr(queue, "is_alive", lambda _folder: True)
        assert [run.id for run in queue.attach_live_runs(project)] == ["a"]
        with pytest.raises(PreconditionError, match="still running"):
            queue.discard(project, folder)
        monkeypatch.undo()
        assert queue.attach_live_runs(project) == []
        moved = queue.discard(project, folder)
        assert (moved / "config.yaml").is_file()
        assert project.runs.folders() == []
