"""The run: plan shards, decode ahead, encode in batches, write, stop and continue."""
