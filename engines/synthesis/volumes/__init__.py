"""From a pair of CT volumes to aligned slices: checks, alignment, masks, windows, stacks."""
