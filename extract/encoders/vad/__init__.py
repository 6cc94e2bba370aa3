"""Encoders for arousal, dominance and valence whose authors ship code of their own: rebuilt, none of it is run."""
