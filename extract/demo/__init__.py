"""The synthetic corpus, to try the tool without a download."""
