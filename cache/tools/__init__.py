"""The verbs of ``emi-cache``: info, verify, repair, diff, merge, convert, export."""
