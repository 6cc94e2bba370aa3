"""Metrics, and how far to believe them: intervals, differences, Holm, chance, groups."""
