"""The verbs of ``emi-extract``, one module each."""
