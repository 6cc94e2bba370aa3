"""Sound to transcripts: the recogniser, the parts that a run leaves behind, and the table made of them."""
