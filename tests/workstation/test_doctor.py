import json
import sys

import jsonschema
import pytest

from engines.contract.events import Diagnosis, EventWriter, Failed, Finished, Progress, Started
from engines.contract.kinds import Action, RunState, Severity
from engines.contract.manifest import Manifest
from engines.contract.registry import all_specs
from engines.contract.resources import resource_path
from engines.contract.run_folder import RunFolder, RunRequest
from workstation import doctor, machine_probes
from workstation.cli import main
from workstation.doctor import Health
from workstation.machine_probes import Probe
from workstation.project.project import Project


def test_this_machine_is_described_without_an_error():
    checks = {check.name: check for check in doctor.check_machine()}
    assert {"Python", "Qt", "torch", "Devices", "Disk", "OpenCV", "Qt variables"} <= set(checks)
    assert checks["Python"].health is Health.GOOD
    assert checks["torch"].health is Health.GOOD
    assert checks["Devices"].value.startswith("cpu")


@pytest.mark.parametrize(("version", "health"), [((3, 10), "wrong"), ((3, 12), "good"), ((3, 14), "wrong")])
def test_python_outside_the_range_is_wrong(version, health):
    assert doctor.check_python(version).health == health


def test_software_renderer_is_said_in_words():
    check = doctor.check_opengl("llvmpipe (LLVM 15.0.6, 256 bits)", "4.5")
    assert check.health is Health.WARNING
    assert "software rendering" in check.problem
    assert doctor.check_opengl("NVIDIA RTX A4000", "4.6").health is Health.GOOD
    assert doctor.check_opengl("", "").health is Health.WRONG


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X and Wayland")
def test_a_missing_display_is_no_mystery(monkeypatch):
    monkeypatch.setattr(doctor, "missing_libraries", list)
    (check,) = doctor.check_qt(Probe(error="could not load the Qt platform plugin", exit_code=-6), {})
    assert "DISPLAY" in check.problem


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ldd")
def test_missing_libraries_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(doctor, "missing_libraries", lambda: ["libxcb-icccm.so.4", "libxcb-keysyms.so.1"])
    (check,) = doctor.check_qt(Probe(error="abort", exit_code=-6), {"DISPLAY": ":0"})
    assert check.health is Health.WRONG
    assert "libxcb-icccm.so.4" in check.problem
    assert "libxcb-icccm4 libxcb-keysyms1" in check.remedy


def test_ldd_is_read():
    listed = "\tlinux-vdso.so.1\n\tlibxcb-icccm.so.4 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n"
    assert machine_probes.parse_missing(listed) == ["libxcb-icccm.so.4"]
    assert machine_probes.debian_package("libGL.so.1") == "libgl1"


def test_a_probe_that_aborts_takes_nobody_with_it():
    probed = machine_probes.probe("import os; os.abort()")
    assert probed.error
    assert probed.exit_code != 0


def test_an_absent_or_broken_torch_is_said():
    absent = doctor.check_torch(Probe(error="ModuleNotFoundError: No module named 'torch'", exit_code=1))
    assert "not installed" in absent[0].problem
    broken = doctor.check_torch(Probe(error="OSError: libfoo.so\n", exit_code=1))
    assert "libfoo.so" in broken[0].problem


def test_a_card_that_torch_cannot_use_is_said():
    facts = {"version": "2", "devices": [], "driver_problem": "The NVIDIA driver is too old."}
    assert doctor.check_torch(Probe(facts=facts))[1].health is Health.WARNING


def test_variables_of_another_qt_are_found():
    check = doctor.check_qt_variables({"QT_QPA_PLATFORM_PLUGIN_PATH": "/site-packages/cv2/qt/plugins"})
    assert check.health is Health.WARNING
    assert "cv2" in check.problem
    assert doctor.check_qt_variables({}).health is Health.GOOD


def test_little_space_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "LOW_DISK_BYTES", 10**30)
    assert doctor.check_disk(tmp_path / "not made yet").health is Health.WARNING


def test_a_project_with_missing_files_and_a_failed_run(tmp_path):
    from engines.contract.kinds import FileKind
    from workstation.project.items import NewFile, insert_file

    with Project.create(tmp_path / "project", "P") as project:
        with project.store.write() as session:
            new = NewFile("a", "s", "image", FileKind.IMAGE, tmp_path / "gone.png", "0", 1)
            insert_file(session, new, project.folder)
        run = make_run(project.folder / "runs", "r")
        run.write_summary(RunState.FAILED, {"cause": "The disk is full."})
        project.runs.add(run.id, run.path)
    checks = {check.name: check for check in doctor.check_project(tmp_path / "project")}
    assert "gone.png" in checks["Files"].problem
    assert "disk is full" in checks["Runs"].problem
    assert checks["Split"].health is Health.GOOD


def test_a_damaged_project_is_said(tmp_path):
    (tmp_path / "project.db").write_bytes(b"no database" * 100)
    (check,) = doctor.check_project(tmp_path)
    assert check.health is Health.WRONG
    assert "damaged" in check.problem


def make_run(folder, name):
    spec = all_specs()[0]
    run = RunFolder(folder / name)
    run.create(
        RunRequest(pipeline=spec.key, action=Action.TRAIN, phase=spec.phases[0].key), Manifest(items=())
    )
    return run


def test_a_run_is_diagnosed(tmp_path, capfd):
    run = make_run(tmp_path, "run")
    writer = EventWriter(run.events_path)
    writer.write(Started(pipeline=run.read_request().pipeline, action="train"))
    writer.write(Progress(step=3, steps=9))
    writer.write(
        Diagnosis(
            name="stalled",
            severity=Severity.WARNING,
            cause="The loss has not moved for {n} steps.",
            parameters={"n": 5},
        )
    )
    writer.write(Failed(type="E", message="m", cause="The graphics card ran out of memory.", remedy="Less."))
    writer.close()
    run.write_summary(RunState.FAILED, {"cause": "The graphics card ran out of memory.", "remedy": "Less."})
    assert main(["doctor", str(run.path), "--json"]) == 1
    said = json.loads(capfd.readouterr().out)
    schema = json.loads(resource_path("schemas", "doctor.json").read_text(encoding="utf-8"))
    jsonschema.validate(said, schema)
    assert said["subject"] == "run"
    assert "ran out of memory" in said["checks"][0]["problem"]
    assert any(check["name"] == "Diagnosis" for check in said["checks"])


def test_a_healthy_run_is_healthy(tmp_path, capfd):
    run = make_run(tmp_path, "run")
    writer = EventWriter(run.events_path)
    writer.write(Started(pipeline=run.read_request().pipeline, action="train"))
    writer.write(Finished())
    writer.close()
    run.write_summary(RunState.FINISHED, {})
    assert main(["doctor", str(run.path)]) == 0
    assert "finished" in capfd.readouterr().out
