"""What all three packages share, knowing no cache: errors, tables, ids, durable files, the console."""
