"""What is looked at before a long run: plan and doctor."""
