"""The synthetic demo corpus: voices, labels, media files and a tiny encoder."""
