"""``python -m engines`` as the window starts it: a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engines.contract.errors import RunFolderError
from engines.contract.events import Failed, Started, read_events
from engines.contract.kinds import Action, ItemKind
from engines.contract.manifest import FileRecord, ItemRecord, Manifest
from engines.contract.run_folder import ProcessRecord, RunFolder

ROOT = Path(__file__).parents[2]


def finish(engine: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = engine.communicate(timeout=120)
    return engine.returncode, out, err


def wait_for(condition, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("waited in vain")
        time.sleep(0.05)


def test_list_prints_every_pipeline_without_importing_torch() -> None:
    code = (
        "import sys; from engines.__main__ import main; code = main(['list', '--json']);"
        "sys.exit(10 if 'torch' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    keys = {entry["key"] for entry in json.loads(done.stdout)["pipelines"]}
    assert "registration" in keys


def test_module_is_runnable_from_a_shell() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engines", "list"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "registration: " in done.stdout


def test_check_says_what_the_run_is(make_run, start_engine) -> None:
    folder = make_run()
    before = sorted(folder.path.rglob("*"))
    code, out, _ = finish(start_engine("check", folder.path))
    assert (code, out) == (0, "运行 1: tiny train only, 0 items, ready\n")
    assert sorted(folder.path.rglob("*")) == before


def break_nothing_there(folder: RunFolder) -> None:
    folder.config_path.unlink()


def break_manifest(folder: RunFolder) -> None:
    folder.manifest_path.write_text("{", encoding="utf-8")


def break_setting(folder: RunFolder) -> None:
    request = folder.read_request()
    folder.write_request(request.model_copy(update={"settings": {"epochz": 3}}))


def break_pipeline(folder: RunFolder) -> None:
    folder.write_request(folder.read_request().model_copy(update={"pipeline": "tinny"}))


def break_file(folder: RunFolder) -> None:
    item = ItemRecord(
        id="眼-1",
        subject="s",
        kind=ItemKind.IMAGE_SET,
        files={"image": FileRecord(path="../missing.png")},
    )
    Manifest(items=(item,)).write(folder.manifest_path)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (break_nothing_there, "config.yaml"),
        (break_manifest, "manifest"),
        (break_setting, "Did you mean 'epochs'?"),
        (break_pipeline, "Did you mean 'tiny'?"),
        (break_file, "missing.png of item 眼-1 does not exist"),
    ],
)
def test_wrong_run_folder_gives_one_line_and_exit_code_2(
    make_run, tiny_pipeline, capsys: pytest.CaptureFixture[str], break_it, words: str
) -> None:
    from engines.__main__ import main

    folder = make_run()
    break_it(folder)
    assert main(["check", str(folder.path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert len(captured.err.splitlines()) == 1


def test_run_of_a_folder_with_a_wrong_setting_fails_in_its_events(make_run, start_engine) -> None:
    folder = make_run()
    break_setting(folder)
    code, _, err = finish(start_engine("run", folder.path))
    assert code == 2
    assert "Traceback" not in err
    failed = read_events(folder.events_path)[-1]
    assert isinstance(failed, Failed)
    assert failed.type == "ConfigError"
    summary = folder.read_summary()
    assert summary is not None
    assert summary["state"] == "failed"


def test_run_without_a_folder_writes_nothing(tmp_path: Path, start_engine) -> None:
    code, _, err = finish(start_engine("run", tmp_path / "nothing"))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "nothing").exists()


def test_action_without_a_network_imports_no_torch(make_run, start_engine) -> None:
    folder = make_run(action=Action.PREDICT)
    assert finish(start_engine("run", folder.path))[0] == 0
    summary = folder.read_summary()
    assert summary is not None
    assert summary["state"] == "finished"
    assert summary["has_torch"] is False


def test_engine_is_polite_and_says_who_it_is(make_run, start_engine) -> None:
    folder = make_run(epochs=1000, step_delay_s=0.1)
    engine = start_engine("run", folder.path)
    wait_for(lambda: any(event.event == "progress" for event in read_events(folder.events_path)))
    record = folder.read_process()
    assert record is not None
    assert record.pid == engine.pid
    assert record.started_at == pytest.approx(psutil.Process(engine.pid).create_time(), abs=0.1)
    if os.name != "nt":
        assert psutil.Process(engine.pid).nice() >= 10
    age_s = folder.heartbeat_age_s()
    assert age_s is not None
    assert age_s < 10
    started = read_events(folder.events_path)[0]
    assert isinstance(started, Started)
    assert started.facts["learning_rate"] == 0.01

    second = start_engine("run", folder.path)
    code, _, err = finish(second)
    assert code == 2
    assert "already running" in err

    # The reader of the log goes away; the run must not notice.
    engine.stdout.close()
    engine.stderr.close()
    engine.stdout = engine.stderr = None
    folder.write_control("stop")
    engine.wait(timeout=60)
    assert engine.returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_diagnose_names_the_cause_of_a_killed_run(make_run, start_engine) -> None:
    folder = make_run(epochs=1000, step_delay_s=0.05)
    with folder.log_path.open("w", encoding="utf-8") as log:
        engine = start_engine("run", folder.path, stdout=log, stderr=log)
        wait_for(lambda: any(event.event == "progress" for event in read_events(folder.events_path)))
        engine.send_signal(signal.SIGSEGV)
        engine.wait(timeout=30)
    assert folder.read_summary() is None
    code, out, _ = finish(start_engine("diagnose", folder.path, "--json"))
    assert code == 0
    report = json.loads(out)
    assert report["state"] == "failed"
    # Not our child any more: the cause comes from the crash report in the log.
    assert report["cause"].startswith("The engine crashed inside a library (segmentation fault) (at step")
    assert report["remedy"]
    assert report["diagnoses"] == []


def test_the_log_begins_with_the_facts_of_the_run(
    make_run, execute, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "engines.core.execution")
    execute(make_run(epochs=1))
    assert "learning_rate=0.01" in caplog.records[0].getMessage()


def test_diagnose_repeats_what_the_run_found(make_run, execute, capsys: pytest.CaptureFixture[str]) -> None:
    from engines.__main__ import main

    folder = make_run(nan_at_step=2)
    execute(folder)
    capsys.readouterr()
    assert main(["diagnose", str(folder.path)]) == 0
    text = capsys.readouterr().out
    assert "运行 1: failed" in text
    assert "error: non_finite_loss" in text
    assert "'loss_total' stopped being a finite number at step 2." in text


def test_leftover_stop_does_not_end_a_resumed_run(make_run, execute) -> None:
    folder = make_run(max_steps=2)
    execute(folder)
    folder.write_control("stop")
    request = folder.read_request()
    folder.write_request(
        request.model_copy(update={"resume": True, "settings": {**request.settings, "max_steps": 4}})
    )
    execute(folder)
    summary = folder.read_summary()
    assert summary is not None
    assert (summary["state"], summary["step"]) == ("finished", 4)


def test_run_of_another_machine_is_not_started_twice(make_run, execute) -> None:
    folder = make_run()
    folder.write_process(ProcessRecord(1, 0.0, "another-machine"))
    folder.touch_heartbeat()
    with pytest.raises(RunFolderError, match="already running"):
        execute(folder)
    long_ago = time.time() - 60
    os.utime(folder.heartbeat_path, (long_ago, long_ago))
    assert execute(folder) == 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"epochs": 3}, {"epochs": 500, "max_minutes": 0.02}])
def test_two_processes_train_together(make_run, start_engine, settings: dict[str, float]) -> None:
    folder = make_run(devices=2, batch_size=4, **settings)
    code, _, log = finish(start_engine("run", folder.path))
    assert code == 0, log
    summary = folder.read_summary()
    assert summary is not None
    assert summary["state"] == "finished"
    steps = [event.step for event in read_events(folder.events_path) if event.event == "progress"]
    # 14 items, 4 on each of two devices: two steps an epoch; each reported once.
    assert steps == list(range(1, summary["step"] + 1))
    ended_by = "time limit" if "max_minutes" in settings else "epochs"
    assert summary["ended_by"] == ended_by
