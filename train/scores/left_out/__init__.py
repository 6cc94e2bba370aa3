"""A score without each speaker: how each kind of metric computes it."""
