"""What the window and the engines agree on: specs, configs, manifests, events, run folders, geometry.

Nothing in this package imports torch, Qt or `workstation`.
"""
