"""What every pipeline shares: the training loop, checkpoints, previews, diagnosis, and the engine process.

`loop` and what it uses import torch; `execution`, `process`, `generations`, `diagnosis`, `generic_rules`,
`live_diagnosis` and `inspection` do not.
"""
