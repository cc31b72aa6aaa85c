from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from engines.contract.errors import InputError
from workstation.controllers.background import Background, CancelToken


@pytest.fixture
def background(qapp) -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


def test_work_runs_on_a_thread_and_answers_on_this_one(background: Background, qtbot) -> None:
    threads = []

    def work() -> int:
        threads.append(threading.get_ident())
        return 7

    answers = []
    background.submit("a", work, lambda answer: answers.append((answer, threading.get_ident())))
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [(7, threading.get_ident())]
    assert threads[0] != threading.get_ident()


def test_late_answer_of_an_older_job_is_dropped(background: Background, qtbot) -> None:
    gate = threading.Event()
    answers: list[str] = []
    background.submit("images", lambda: gate.wait(5) and "old", answers.append)
    background.submit("images", lambda: "new", answers.append)
    qtbot.waitUntil(lambda: answers == ["new"])
    gate.set()
    qtbot.waitUntil(lambda: background.num_waiting == 0)
    assert answers == ["new"]


def test_dropped_channel_answers_nobody_and_others_do(background: Background, qtbot) -> None:
    gate = threading.Event()
    answers: list[str] = []
    background.submit("a", lambda: gate.wait(5) and "a", answers.append)
    background.submit("b", lambda: gate.wait(5) and "b", answers.append)
    background.drop("a")
    gate.set()
    qtbot.waitUntil(lambda: background.num_waiting == 0)
    assert answers == ["b"]


def test_expected_error_goes_to_its_handler(background: Background, qtbot) -> None:
    def work() -> None:
        raise InputError("No.")

    errors: list[BaseException] = []
    background.submit("a", work, lambda _answer: None, errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert str(errors[0]) == "No."


def test_unexpected_error_takes_the_exception_path(background: Background, qtbot) -> None:
    def work() -> None:
        raise ZeroDivisionError("boom")

    handled: list[BaseException] = []
    with qtbot.captureExceptions() as caught:
        background.submit("a", work, lambda _answer: None, handled.append)
        qtbot.waitUntil(lambda: bool(caught))
    assert caught[0][0] is ZeroDivisionError
    assert not handled


def test_closed_background_answers_nobody(background: Background, qapp) -> None:
    answers: list[int] = []
    background.submit("a", lambda: 1, answers.append)
    background.close()
    qapp.processEvents()
    assert not answers


def test_token_is_cancelled_once_asked() -> None:
    token = CancelToken()
    assert not token.is_cancelled()
    token.cancel()
    assert token.is_cancelled()


class _Large:
    """Stands for an image."""


def test_nothing_of_a_job_is_kept_after_its_answer(background: Background, qtbot) -> None:
    given, made, seen = _Large(), _Large(), []
    kept = [weakref.ref(given), weakref.ref(made)]
    results = [made]
    background.submit("a", lambda thing=given: results.pop(), lambda _answer, thing=given: seen.append(1))
    del given, made
    qtbot.waitUntil(lambda: bool(seen))
    gc.collect()
    assert [reference() for reference in kept] == [None, None]


def test_what_is_urgent_begins_before_what_waits(qapp, qtbot) -> None:
    background = Background(num_threads=1)
    gate, order = threading.Event(), []
    background.submit("first", lambda: gate.wait(5), lambda _answer: None)
    background.submit("later", lambda: order.append("later"), lambda _answer: None)
    background.submit("images", lambda: order.append("images"), lambda _answer: None, is_urgent=True)
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 2)
    background.close()
    assert order == ["images", "later"]
