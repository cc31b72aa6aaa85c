"""Torch code that every pipeline shares: the training loop, checkpoints, previews and diagnosis."""
