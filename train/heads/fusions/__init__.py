"""The fusions of several streams: what their vectors or frames, taken together, say of a clip."""
