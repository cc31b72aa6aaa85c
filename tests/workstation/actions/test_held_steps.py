from __future__ import annotations

from workstation.actions.held_steps import HeldSteps


def test_steps_grow_while_a_key_is_held_and_begin_anew_when_it_was_let_go() -> None:
    now = [0.0]
    steps = HeldSteps(lambda: now[0])
    taken = []
    for _ in range(150):
        taken.append(steps.next(-1))
        now[0] += 0.03
    assert taken[:30] == [-1] * 30
    assert sorted(set(taken)) == [-8, -4, -2, -1]
    assert taken == sorted(taken, reverse=True)
    now[0] += 1.0
    assert steps.next(5) == 1


def test_a_hand_that_taps_goes_one_slice_each() -> None:
    now = [0.0]
    steps = HeldSteps(lambda: now[0])
    for _ in range(40):
        assert steps.next(1) == 1
        now[0] += 0.2
