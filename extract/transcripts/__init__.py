"""Transcripts: what was said in each clip and when; made from sound, mended by hand, or as people have them."""
