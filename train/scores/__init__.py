"""Metrics, and how far to believe them: intervals, differences, chance, groups, audit."""
