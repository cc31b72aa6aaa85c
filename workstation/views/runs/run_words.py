"""Words, symbols and numbers for runs: one place says how a state, a duration or a value reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

from engines.contract.kinds import RunState, Severity
from engines.contract.messages import Message
from engines.contract.spec import MetricSpec
from workstation.translation import readable, translate, translate_message
from workstation.views.protocols.runs import GateValue


def tr(text: str) -> str:
    """Translate a fixed text of this module."""
    return QCoreApplication.translate("RunWords", text)


def spoken(text: str) -> str:
    """Translate a text that a spec, rule or engine wrote in English."""
    return translate(text)


def sentence(message: Message | None) -> str:
    """Return a message in the language of the window."""
    if message is None or not message.text:
        return ""
    return translate_message(message)


@dataclass(frozen=True, slots=True)
class StateWords:
    """How a state looks: a symbol and a word beside the colour, so that colour is never alone."""

    symbol: str
    word: str
    status: str
    """Name of the status colour."""

    @property
    def text(self) -> str:
        """Symbol and word."""
        return f"{self.symbol} {self.word}"


def state_words(state: RunState | None, *, is_locked: bool = False) -> StateWords:
    """Return how a run, or a phase that never ran, is shown."""
    if state is None:
        return StateWords("⊘", tr("locked"), "stale") if is_locked else StateWords("○", tr("ready"), "ready")
    match state:
        case RunState.QUEUED:
            return StateWords("…", tr("queued"), "stale")
        case RunState.STARTING:
            return StateWords("▷", tr("starting"), "running")
        case RunState.RUNNING:
            return StateWords("▶", tr("running"), "running")
        case RunState.PAUSED:
            return StateWords("‖", tr("paused"), "warning")
        case RunState.STOPPING:
            return StateWords("◼", tr("stopping, saving"), "warning")
        case RunState.FINISHED:
            return StateWords("✔", tr("finished"), "done")
        case RunState.STOPPED:
            return StateWords("■", tr("stopped, kept"), "stale")
        case RunState.FAILED:
            return StateWords("✘", tr("failed"), "failed")


def severity_words(severity: Severity) -> StateWords:
    """Return how a diagnosis is marked."""
    match severity:
        case Severity.NOTE:
            return StateWords("ⓘ", tr("note"), "stale")
        case Severity.WARNING:
            return StateWords("▲", tr("warning"), "warning")
        case Severity.ERROR:
            return StateWords("✘", tr("error"), "failed")


def duration_text(seconds: float | None) -> str:
    """Return a length of time in its two largest units."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, seconds_left = divmod(rest, 60)
    if hours:
        return tr("{h} h {m:02d} min").format(h=hours, m=minutes)
    if minutes:
        return tr("{m} min {s:02d} s").format(m=minutes, s=seconds_left)
    return tr("{s} s").format(s=whole)


def eta_text(eta_s: tuple[float, float] | None) -> str:
    """Return the time left as a range, or an honest blank."""
    if eta_s is None:
        return tr("time left unknown")
    low, high = (max(0, round(value)) for value in eta_s)
    if high < 90:
        if high - low < 2:
            return tr("{a} s left").format(a=high)
        return tr("{a}–{b} s left").format(a=low, b=high)
    low, high = max(1, round(low / 60)), max(1, round(high / 60))
    if low == high:
        return tr("{a} min left").format(a=low)
    return tr("{a}–{b} min left").format(a=low, b=high)


def number_text(value: float, unit: str = "") -> str:
    """Return a number with four significant digits and its unit."""
    text = f"{value:.4g}" if abs(value) < 1e5 else f"{value:.3e}"
    return f"{text} {unit}" if unit else text


def metric_text(metric: MetricSpec, value: float | None) -> str:
    """Return a value with its unit, or that it was not measured: never a zero in its place."""
    return tr("not measured") if value is None else number_text(value, metric.unit)


def metric_label(metric: MetricSpec) -> str:
    """Return a metric's name with its unit."""
    label = spoken(metric.label)
    return f"{label} [{metric.unit}]" if metric.unit else label


def gate_mark(gate: GateValue) -> str:
    """Return a sign: passed, missed, or not measured."""
    return "✔" if gate.is_reached else ("–" if gate.value is None else "▲")


def gate_text(gate: GateValue) -> str:
    """Return sign, metric, value, and what was wanted."""
    wanted = number_text(gate.wanted, gate.metric.unit)
    relation = "≥" if gate.metric.higher_is_better else "≤"
    value = metric_text(gate.metric, gate.value)
    return f"{gate_mark(gate)} {spoken(gate.metric.label)}: {value} ({tr('wanted')} {relation} {wanted})"


def key_label(key: str) -> str:
    """Return a readable name for a series or setting that no spec describes."""
    return translate(readable(key))


def items_text(count: int) -> str:
    """Return a number of items."""
    return tr("1 item") if count == 1 else tr("{n} items").format(n=count)


def subjects_text(count: int) -> str:
    """Return a number of subjects."""
    return tr("1 subject") if count == 1 else tr("{n} subjects").format(n=count)


def moment_text(seconds_since_epoch: float | None) -> str:
    """Return date and time in the user's way of writing."""
    if seconds_since_epoch is None:
        return "–"
    when = QDateTime.fromSecsSinceEpoch(int(seconds_since_epoch))
    return QLocale().toString(when, "yyyy-MM-dd HH:mm")
