"""From the cache to padded batches of frames."""
