"""The compiled kernel: C++ sources, their build on first use, and the interface to them."""
