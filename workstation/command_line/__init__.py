"""The sub-commands of ``workstation``; `workstation.cli` parses and dispatches."""
