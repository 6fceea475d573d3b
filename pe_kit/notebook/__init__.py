"""The notebook face: magics, displays, plots."""
