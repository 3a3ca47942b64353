"""MemVault: where folded cubes live."""
