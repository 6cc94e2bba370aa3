"""What a cache is: its fields, recipe, commit records, checksums, and where its files lie."""
