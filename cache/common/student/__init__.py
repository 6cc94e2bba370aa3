"""The student: a small network over log-mel frames, defined once for whoever trains it and whoever runs it."""
