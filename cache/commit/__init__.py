"""How a shard becomes part of a cache: partition, leases, publication, journals, failures."""
