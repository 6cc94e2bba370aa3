"""The loop over shards, whatever a run makes of its clips: leases, batches, commits in order."""
