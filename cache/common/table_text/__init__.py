"""What the text of other people's tables is: its encoding, its numbers, its cells, and which columns are labels."""
