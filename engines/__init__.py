"""Headless engines: the contract, imaging, the shared training core and one folder per pipeline."""
