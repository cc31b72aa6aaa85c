"""Errors advise, translate and survive a process boundary."""

from __future__ import annotations

import pickle

from engines.contract.errors import ImageReadError, InputError, WorkstationError
from engines.contract.messages import Message


def make_error() -> ImageReadError:
    return ImageReadError(
        "{path} is truncated.", remedy="Copy {path} again.", kept="Nothing was changed.", path="眼底.png"
    )


def test_text_holds_message_and_remedy() -> None:
    assert str(make_error()) == "眼底.png is truncated. Copy 眼底.png again."
    assert isinstance(make_error(), InputError)


def test_templates_are_translated_before_values_are_filled_in() -> None:
    catalogue = {"{path} is truncated.": "{path} 不完整。", "Copy {path} again.": "请重新复制 {path}。"}
    assert make_error().render(catalogue.__getitem__) == "眼底.png 不完整。 请重新复制 眼底.png。"


def test_braces_in_values_are_harmless() -> None:
    assert str(WorkstationError("{path} is missing.", path="{a}.png")) == "{a}.png is missing."


def test_braces_in_a_plain_message_are_kept() -> None:
    assert str(Message("Write {name}.")) == "Write {name}."


def test_errors_cross_a_process_boundary_whole() -> None:
    copy = pickle.loads(pickle.dumps(make_error()))
    assert type(copy) is ImageReadError
    assert str(copy) == str(make_error())
    assert copy.kept == make_error().kept
