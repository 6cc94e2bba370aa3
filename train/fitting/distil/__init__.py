"""A student of one's own: a small network learns, from two caches, to say what a large encoder says."""
