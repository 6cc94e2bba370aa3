"""Commands of train in clips → extract → cache → train → intensities; ``train.__main__`` lists them."""
