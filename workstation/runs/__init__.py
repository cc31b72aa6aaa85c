"""What engines did and do: launching, watching, stopping, queueing and re-reading runs.

No torch; of Qt only `QtCore`, and that only in `run_thread`.
"""
