"""What is said of a run while the command line follows it."""

from __future__ import annotations

from unittest.mock import Mock

from engines.contract.events import Progress, Started
from workstation.command_line.following import _Reporter


def test_the_facts_of_a_run_are_printed_once_it_goes(capsys):
    facts = {"items": 5, "n_LGG": 1, "alpha_LGG": 2.5}
    reporter = _Reporter(Mock())
    reporter.on_events([Started(pipeline="p", action="train", facts=facts)])
    # A run that cannot begin says one line: what is wrong.
    assert capsys.readouterr().err == ""
    reporter.on_events([Progress(step=0, steps=4), Progress(step=1, steps=4)])
    assert capsys.readouterr().err == "items 5  n_LGG 1  alpha_LGG 2.5\n"
