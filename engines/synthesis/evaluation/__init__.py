"""What a synthetic CTA is worth, in numbers, cards and pictures."""
