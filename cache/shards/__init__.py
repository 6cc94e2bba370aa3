"""Arrays to bytes and back: the back ends (HDF5, Zarr) behind one protocol."""
