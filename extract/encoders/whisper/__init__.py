"""The encoder of Whisper, in the layouts of transformers and of CTranslate2: 50 frames/s, 30 s at most at once."""
