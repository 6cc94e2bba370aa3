"""Transcripts as people have them: tables, text files, Whisper's JSON and subtitles."""
