"""Overview: the runs and studies below a folder as one table, and some of them side by side."""
