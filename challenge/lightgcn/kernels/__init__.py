"""The gather and sum that propagation is made of: a reference, the CPU's and the GPU's."""
