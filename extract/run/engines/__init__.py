"""Who does the shards of a run: this process, one more a device, or the workers of a Ray cluster."""
