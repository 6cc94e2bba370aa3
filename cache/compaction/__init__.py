"""The laptop cache: pooling, projection, int8, and what they cost."""
