"""Vessels in an image: how much each pixel looks like one, their centre lines and forks."""
