"""What is looked at before a long run: the plan of it, and the doctor for the machine."""
