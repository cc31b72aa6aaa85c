"""The networks of registration; all give detector logits and an aligned descriptor grid."""
