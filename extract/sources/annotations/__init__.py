"""Annotations of recordings, as ELAN, Praat, speaker diarisation and Audacity write them, as tables of segments."""
