"""Weights of the grades in the loss. No torch."""

from __future__ import annotations


def class_weights(num_low: int, num_high: int, low_factor: float = 1.0) -> tuple[float, float]:
    """Return alpha of low and high grade, ``N / (2 n)`` of training subjects; a missing class has 0.

    Parameters
    ----------
    num_low, num_high : int
    low_factor : float
        Extra factor on the low grade.
    """
    total = num_low + num_high
    low = low_factor * total / (2 * num_low) if num_low else 0.0
    return low, total / (2 * num_high) if num_high else 0.0
