"""The temporal models: each turns the frames of a clip into one vector, whatever pads them."""
