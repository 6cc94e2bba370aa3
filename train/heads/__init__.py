"""The networks: temporal models and the fusion head."""
