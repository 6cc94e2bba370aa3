"""Features that other tools have made become a cache: read as plain numbers, checked, written shard by shard."""
