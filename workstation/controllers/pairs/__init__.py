"""Keypoint pairs: drawing them, fitting them, registering, and what is shown of it."""
