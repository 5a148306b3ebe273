"""Records of the cold chain: instruments, certificates, mappings, reports, exports, and what is drawn of a place."""
