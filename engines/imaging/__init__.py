"""Images and what is computed from them without a network: reading, transforms, vessels, registration.

Nothing in this package imports torch, Qt or `workstation`.
"""
